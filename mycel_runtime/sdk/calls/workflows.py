"""A group's workflow and its events (contract 2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk.calls.arguments import UNSET, without_none, without_unset
from mycel_runtime.sdk.calls.call import Call, post, write
from mycel_runtime.sdk.calls.path import chat_path
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire import resources as wire


def get_workflow(chat_id: str) -> Call[wire.Workflow]:
    """A chat's workflow; `NotFoundError` when there is none."""
    return Call(method="GET", path=chat_path(chat_id, "workflow"))


def set_workflow(
    chat_id: str,
    *,
    kind: str,
    state: str = "active",
    config: Mapping[str, Any] | None = None,
    expected_state_version: int | None = None,
) -> Call[wire.Workflow]:
    """
    Write a chat's workflow whole.

    Args:
        chat_id: The chat.
        kind: Free text.
        state: Free text.
        config: Replaces the old one; left out when `None`.
        expected_state_version: Since 0.1.56: `ConflictError` unless the workflow has this version.
    """
    optional = without_none(config=config, expected_state_version=expected_state_version)
    return write("PUT", chat_path(chat_id, "workflow"), kind=kind, state=state, **optional)


def delete_workflow(chat_id: str) -> Call[wire.Status]:
    """Remove a chat's workflow, also if there is none."""
    return Call(method="DELETE", path=chat_path(chat_id, "workflow"))


def list_workflow_events(chat_id: str) -> Call[list[wire.WorkflowEvent]]:
    """All events, ordered by id as text: 1, 10, 2."""
    return Call(method="GET", path=chat_path(chat_id, "workflow", "events"), answer="list", worth=Worth.LOOK)


def create_workflow_event(
    chat_id: str,
    *,
    kind: str,
    resource_refs: Sequence[Any] | None = None,
    requested_by_user_id: str | None = None,
    decision_states: Mapping[str, Mapping[str, str]] | None = None,
    rationales: Mapping[str, Any] | None = None,
    final_state: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[wire.WorkflowEvent]:
    """Open an event. Name `requested_by_user_id`: without an actor some servers answer 500 (Q30)."""
    optional = without_none(
        resource_refs=resource_refs,
        requested_by_user_id=requested_by_user_id,
        decision_states=decision_states,
        rationales=rationales,
        final_state=final_state,
        metadata=metadata,
    )
    return post(chat_path(chat_id, "workflow", "events"), kind=kind, **optional)


def get_workflow_event(chat_id: str, event_id: str) -> Call[wire.WorkflowEvent]:
    """One event."""
    return Call(method="GET", path=chat_path(chat_id, "workflow", "events", event_id))


def update_workflow_event(
    chat_id: str,
    event_id: str,
    *,
    state: str | None = UNSET,
    decision_states: Mapping[str, Mapping[str, str]] | None = UNSET,
    rationales: Mapping[str, Any] | None = UNSET,
    final_state: Mapping[str, Any] | None = UNSET,
    metadata: Mapping[str, Any] | None = UNSET,
    settled_at: float | None = UNSET,
    expected_state_version: int | None = None,
) -> Call[wire.WorkflowEvent]:
    """
    Change an event; what is not given is not sent, and `None` leaves it unchanged on the server.

    Args:
        chat_id: The chat.
        event_id: The event.
        state: Free text.
        decision_states: By user id.
        rationales: By user id.
        final_state: Replaces the old one.
        metadata: Replaces the old one.
        settled_at: Epoch seconds.
        expected_state_version: Since 0.1.82: `ConflictError` unless the event has this version.
    """
    given = without_unset(
        state=state,
        decision_states=decision_states,
        rationales=rationales,
        final_state=final_state,
        metadata=metadata,
        settled_at=settled_at,
    )
    version = without_none(expected_state_version=expected_state_version)
    return write("PATCH", chat_path(chat_id, "workflow", "events", event_id), **given, **version)


def delete_workflow_event(chat_id: str, event_id: str) -> Call[wire.Status]:
    """Remove an event."""
    return Call(method="DELETE", path=chat_path(chat_id, "workflow", "events", event_id))
