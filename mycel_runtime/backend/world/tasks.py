"""A chat's tasks (contract 2.8): camelCase out, snake_case in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.backend.world.entities import Task, User
from mycel_runtime.backend.world.refusal import Refused
from mycel_runtime.backend.world.workflows import room_for

if TYPE_CHECKING:
    from mycel_runtime.backend.world.state import World


def list_all(world: World, caller: User, chat_id: str) -> list[dict[str, Any]]:
    """All tasks, by id as text: 1, 10, 2."""
    room_for(world, caller, chat_id)
    tasks = world.tasks.get(chat_id, {})
    return [show(tasks[task_id]) for task_id in sorted(tasks)]


def create(world: World, caller: User, chat_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    """
    A new task of these fields of `Task`.

    Raises:
        Refused: 404, 403.
        Broken: Nobody has the owner's id.
    """
    room_for(world, caller, chat_id)
    world.check_reference(fields["owner"])
    task = Task(chat_id=chat_id, id=world.next_number(world.tasks.get(chat_id, {})), **fields)
    world.put(task)
    return show(task)


def get(world: World, caller: User, chat_id: str, task_id: str) -> dict[str, Any]:
    """
    A task.

    Raises:
        Refused: 404, 403.
    """
    return show(_task(world, caller, chat_id, task_id))


def update(world: World, caller: User, chat_id: str, task_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    """
    Change what is not `None`; nothing can be cleared.

    Raises:
        Refused: 404, 403.
        Broken: Nobody has the owner's id.
    """
    task = _task(world, caller, chat_id, task_id)
    world.check_reference(fields["owner"])
    for name, value in fields.items():
        if value is not None:
            setattr(task, name, value)
    world.touch(task)
    return show(task)


def delete(world: World, caller: User, chat_id: str, task_id: str) -> None:
    """Remove a task, if there is one; the highest id is used again."""
    room_for(world, caller, chat_id)
    if (task := world.tasks.get(chat_id, {}).pop(task_id, None)) is not None:
        world.forget(task)


def show(task: Task) -> dict[str, Any]:
    """A task as every answer shows it."""
    return {
        "id": task.id,
        "subject": task.subject,
        "description": task.description,
        "status": task.status,
        "activeForm": task.active_form,
        "owner": task.owner,
        "blocks": task.blocks,
        "blockedBy": task.blocked_by,
        "metadata": task.metadata,
    }


def _task(world: World, caller: User, chat_id: str, task_id: str) -> Task:
    room_for(world, caller, chat_id)
    if (task := world.tasks.get(chat_id, {}).get(task_id)) is None:
        raise Refused(404, "Chat task not found")
    return task
