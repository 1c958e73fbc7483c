"""A chat's workflow and its events (contract 2.8)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.after_commit import failing_after_commit
from mycel_runtime.backend.world.chats import known_user
from mycel_runtime.backend.world.entities import QueueItem, User, Workflow, WorkflowEvent
from mycel_runtime.backend.world.refusal import Broken, Refused
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import Room, World


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What is known of an event when it is made."""

    kind: str
    resource_refs: list[Any] = field(default_factory=list)
    requested_by_user_id: str | None = None
    decision_states: dict[str, Any] = field(default_factory=dict)
    rationales: dict[str, Any] = field(default_factory=dict)
    final_state: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


def room_for(world: World, caller: User, chat_id: str) -> Room:
    """
    The chat of whoever works on it.

    Raises:
        Refused: 404, then 403 (1.7).
    """
    room = world.room(chat_id)
    world.room_of_member(chat_id, caller.id)
    return room


def get(world: World, caller: User, chat_id: str) -> dict[str, Any]:
    """
    The workflow.

    Raises:
        Refused: 404, 403.
    """
    room_for(world, caller, chat_id)
    if (workflow := world.workflows.get(chat_id)) is None:
        raise Refused(404, "Chat workflow not found")
    return show(workflow)


def put(
    world: World,
    caller: User,
    chat_id: str,
    kind: str,
    state: str,
    config: dict[str, Any],
    expected_version: int | None,
    now: float,
) -> dict[str, Any]:
    """
    Make or replace the workflow; `config` whole.

    Raises:
        Refused: 404, 403; 409, it is at another version than expected.
    """
    room_for(world, caller, chat_id)
    workflow = world.workflows.get(chat_id)
    actual = workflow.state_version if workflow else None
    if expected_version is not None and expected_version != actual:
        raise _stale("workflow", {"chat_id": chat_id}, expected_version, actual)
    new = Workflow(
        chat_id=chat_id,
        kind=kind,
        state=state,
        config=config,
        state_version=0 if actual is None else actual + 1,
        updated_by_user_id=caller.id,
        created_at=workflow.created_at if workflow else now,
        updated_at=now,
    )
    world.put(new)
    return show(new)


def delete(world: World, caller: User, chat_id: str) -> None:
    """Remove the workflow, if there is one."""
    room_for(world, caller, chat_id)
    if (workflow := world.workflows.pop(chat_id, None)) is not None:
        world.forget(workflow)


def list_events(world: World, caller: User, chat_id: str) -> list[dict[str, Any]]:
    """All events, by id as text."""
    room_for(world, caller, chat_id)
    events = world.workflow_events.get(chat_id, {})
    return [show_event(events[event_id]) for event_id in sorted(events)]


def create_event(
    world: World, caller: User, chat_id: str, new: NewEvent, now: float, *, is_broken: bool = False
) -> dict[str, Any]:
    """
    A new event; whoever makes it is its actor unless it names one (Q30, U4).

    Args:
        world: Where.
        caller: A member.
        chat_id: The chat.
        new: What is known of it.
        now: Its time.
        is_broken: Fail to tell the others, as a fault.

    Returns:
        The event; without `updated_at`, which every later answer shows.

    Raises:
        Refused: 404, 403; 500 after the event was stored (Q21).
        Broken: Nobody has the requester's id.
    """
    room = room_for(world, caller, chat_id)
    world.check_reference(new.requested_by_user_id)
    event = WorkflowEvent(
        chat_id=chat_id,
        event_id=world.next_number(world.workflow_events.get(chat_id, {})),
        kind=new.kind,
        resource_refs=new.resource_refs,
        requested_by_user_id=new.requested_by_user_id or caller.id,
        decision_states=new.decision_states,
        rationales=new.rationales,
        final_state=new.final_state,
        metadata=new.metadata,
        created_at=now,
        updated_at=now,
    )
    world.put(event)
    shown = {**show_event(event), "updated_at": None}
    with failing_after_commit(world, _failure(shown, "created")):
        _tell(world, room, event, "created", event.requested_by_user_id or caller.id, is_broken=is_broken)
    return shown


def get_event(world: World, caller: User, chat_id: str, event_id: str) -> dict[str, Any]:
    """
    An event.

    Raises:
        Refused: 404, 403.
    """
    return show_event(_event(world, caller, chat_id, event_id))


def update_event(
    world: World,
    caller: User,
    chat_id: str,
    event_id: str,
    fields: dict[str, Any],
    expected_version: int | None,
    now: float,
    *,
    is_broken: bool = False,
) -> dict[str, Any]:
    """
    Change what is not `None`; `is_broken` as for `create_event`.

    Raises:
        Refused: 404, 403; 409, it is at another version than expected (U3); 500 after the change was stored (Q21).
    """
    event = _event(world, caller, chat_id, event_id)
    if expected_version is not None and expected_version != event.state_version:
        about = {"chat_id": chat_id, "event_id": event_id}
        raise _stale("workflow_event", about, expected_version, event.state_version)
    for name, value in fields.items():
        if value is not None:
            setattr(event, name, value)
    event.state_version += 1
    event.updated_at = now
    world.touch(event)
    shown = show_event(event)
    with failing_after_commit(world, _failure(shown, "updated")):
        _tell(world, world.rooms[chat_id], event, "updated", caller.id, is_broken=is_broken)
    return shown


def delete_event(world: World, caller: User, chat_id: str, event_id: str) -> None:
    """Remove an event, if there is one; the highest id is used again."""
    room_for(world, caller, chat_id)
    if (event := world.workflow_events.get(chat_id, {}).pop(event_id, None)) is not None:
        world.forget(event)


def show(workflow: Workflow) -> dict[str, Any]:
    """The workflow as every answer shows it."""
    return {
        "chat_id": workflow.chat_id,
        "kind": workflow.kind,
        "state": workflow.state,
        "config": workflow.config,
        "state_version": workflow.state_version,
        "updated_by_user_id": workflow.updated_by_user_id,
        "created_at": workflow.created_at,
        "updated_at": workflow.updated_at,
    }


def show_event(event: WorkflowEvent) -> dict[str, Any]:
    """An event as every answer shows it."""
    return {
        "chat_id": event.chat_id,
        "event_id": event.event_id,
        "kind": event.kind,
        "state": event.state,
        "resource_refs": event.resource_refs,
        "requested_by_user_id": event.requested_by_user_id,
        "decision_states": event.decision_states,
        "rationales": event.rationales,
        "final_state": event.final_state,
        "metadata": event.metadata,
        "state_version": event.state_version,
        "created_at": event.created_at,
        "updated_at": event.updated_at,
        "settled_at": event.settled_at,
    }


def _event(world: World, caller: User, chat_id: str, event_id: str) -> WorkflowEvent:
    room_for(world, caller, chat_id)
    if (event := world.workflow_events.get(chat_id, {}).get(event_id)) is None:
        raise Refused(404, "Chat workflow event not found")
    return event


def _stale(what: str, about: dict[str, Any], expected: int, actual: int | None) -> Refused:
    return Refused(
        409,
        {
            "error": f"stale_chat_{what}_state_version",
            **about,
            "expected_state_version": expected,
            "actual_state_version": actual,
        },
    )


def _failure(shown: dict[str, Any], operation: str) -> dict[str, Any]:
    return {"error": "workflow_event_action_failed", "operation": operation, "event": shown}


def _tell(
    world: World, room: Room, event: WorkflowEvent, operation: str, actor_id: str, *, is_broken: bool
) -> None:
    """
    Notify every external member but the actor (5.5).

    Raises:
        Broken: A member could not be reached; later ones are not told.
    """
    actor = world.users.get(actor_id)
    actor_name = actor.name if actor else actor_id
    correlation = f"workflow:{event.chat_id}:{event.event_id}"
    delivery = f"{correlation}:{event.state_version}"
    content = {
        "event_type": "chat.workflow.event",
        "summary": f"{actor_name} {operation} workflow event {event.event_id} ({event.kind})",
        "chat_id": event.chat_id,
        "event_id": event.event_id,
        "kind": event.kind,
        "operation": operation,
        "actor_user_id": actor_id,
        "resource_refs": event.resource_refs,
        "state": event.state,
        "state_version": event.state_version,
        "delivery_id": delivery,
        "idempotency_key": delivery,
        "correlation_id": correlation,
    }
    for user_id in room.members:
        user = known_user(world, room, user_id)
        if user_id != actor_id and is_broken:
            raise Broken("delivery failed on request")
        if user_id != actor_id and user.type == "external":
            world.notify(
                QueueItem(
                    id=0,
                    inbox=user_id,
                    content=dict(content),
                    notification_type="workflow_event",
                    sender_id=actor_id,
                    sender_name=actor_name,
                )
            )
