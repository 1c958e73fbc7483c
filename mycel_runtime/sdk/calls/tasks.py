"""A chat's tasks (contract 2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.sdk.calls.arguments import UNSET, without_none, without_unset
from mycel_runtime.sdk.calls.call import Call, post, write
from mycel_runtime.sdk.calls.path import chat_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire import resources as wire


def list_tasks(chat_id: str) -> Call[list[wire.Task]]:
    """All tasks, ordered by id as text."""
    return Call(method="GET", path=chat_path(chat_id, "tasks"), answer="list")


def create_task(
    chat_id: str,
    *,
    subject: str,
    description: str = "",
    status: str = "pending",
    active_form: str | None = None,
    owner: str | None = None,
    blocks: Sequence[str] | None = None,
    blocked_by: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[wire.Task]:
    """Make a task. snake_case in, camelCase out."""
    optional = without_none(
        active_form=active_form, owner=owner, blocks=blocks, blocked_by=blocked_by, metadata=metadata
    )
    return post(
        chat_path(chat_id, "tasks"), subject=subject, description=description, status=status, **optional
    )


def get_task(chat_id: str, task_id: str) -> Call[wire.Task]:
    """One task."""
    return Call(method="GET", path=chat_path(chat_id, "tasks", task_id))


def update_task(
    chat_id: str,
    task_id: str,
    *,
    status: str | None = UNSET,
    subject: str | None = UNSET,
    description: str | None = UNSET,
    active_form: str | None = UNSET,
    owner: str | None = UNSET,
    blocks: Sequence[str] | None = UNSET,
    blocked_by: Sequence[str] | None = UNSET,
    metadata: Mapping[str, Any] | None = UNSET,
) -> Call[wire.Task]:
    """
    Change a task; what is not given is not sent, and `None` leaves it unchanged on the server.

    A `metadata` of `None` is not sent either, as by the reference SDK.
    """
    given = without_unset(
        status=status,
        subject=subject,
        description=description,
        active_form=active_form,
        owner=owner,
        blocks=blocks,
        blocked_by=blocked_by,
        metadata=UNSET if metadata is None else metadata,
    )
    return write("PATCH", chat_path(chat_id, "tasks", task_id), **given)


def delete_task(chat_id: str, task_id: str) -> Call[wire.Status]:
    """Remove a task."""
    return Call(method="DELETE", path=chat_path(chat_id, "tasks", task_id))
