"""Workflow, its events, tasks (contract 2.8)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from mycel_runtime.backend.http.request_context import Caller, Strict, answer
from mycel_runtime.backend.world import tasks, workflows

router = APIRouter(prefix="/api/chats/{chat_id}", tags=["workflow"], strict_content_type=False)
newer = APIRouter(prefix="/api/chats/{chat_id}", tags=["workflow"], strict_content_type=False)
older = APIRouter(prefix="/api/chats/{chat_id}", tags=["workflow"], strict_content_type=False)
"""B1 knows no expected versions."""

Version = Annotated[int | None, Field(ge=0)]
DELETED = {"status": "deleted"}


class OldWorkflowBody(Strict):
    """The workflow, whole."""

    kind: str
    state: str = "active"
    config: dict[str, Any] = Field(default_factory=dict)


class WorkflowBody(OldWorkflowBody):
    """The same, and which version it replaces."""

    expected_state_version: Version = None


class EventBody(Strict):
    """A new event."""

    kind: str
    resource_refs: list[Any] = Field(default_factory=list)
    requested_by_user_id: str | None = None
    decision_states: dict[str, dict[str, str]] = Field(default_factory=dict)
    rationales: dict[str, Any] = Field(default_factory=dict)
    final_state: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class OldEventPatch(Strict):
    """What changes; null leaves it unchanged."""

    state: str | None = None
    decision_states: dict[str, dict[str, str]] | None = None
    rationales: dict[str, Any] | None = None
    final_state: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    settled_at: float | None = None


class EventPatch(OldEventPatch):
    """The same, and which version it changes."""

    expected_state_version: Version = None


class TaskBody(Strict):
    """A new task."""

    subject: str
    description: str
    status: str = "pending"
    active_form: str | None = None
    owner: str | None = None
    blocks: list[str] = Field(default_factory=list)
    blocked_by: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)


class TaskPatch(Strict):
    """What changes; null leaves it unchanged."""

    status: str | None = None
    subject: str | None = None
    description: str | None = None
    active_form: str | None = None
    owner: str | None = None
    blocks: list[str] | None = None
    blocked_by: list[str] | None = None
    metadata: dict[str, Any] | None = None


@router.get("/workflow")
async def get_workflow(chat_id: str, call: Caller) -> Response:
    """The workflow."""
    return answer(workflows.get(call.world, call.user, chat_id))


@newer.put("/workflow")
async def set_workflow(chat_id: str, body: WorkflowBody, call: Caller) -> Response:
    """Make or replace it."""
    service = call.service
    with service.transaction():
        workflow = workflows.put(
            call.world,
            call.user,
            chat_id,
            body.kind,
            body.state,
            body.config,
            body.expected_state_version,
            service.now(),
        )
    return answer(workflow)


@router.delete("/workflow")
async def delete_workflow(chat_id: str, call: Caller) -> Response:
    """Remove it; there need not be one."""
    with call.service.transaction():
        workflows.delete(call.world, call.user, chat_id)
    return answer(DELETED)


@router.get("/workflow/events")
async def list_workflow_events(chat_id: str, call: Caller) -> Response:
    """All events."""
    return answer(workflows.list_events(call.world, call.user, chat_id))


@router.post("/workflow/events")
async def create_workflow_event(chat_id: str, body: EventBody, call: Caller) -> Response:
    """A new event."""
    service = call.service
    new = workflows.NewEvent(**body.model_dump())
    with service.transaction():
        event = workflows.create_event(
            call.world,
            call.user,
            chat_id,
            new,
            service.now(),
            is_broken=service.faults.strikes("delivery"),
        )
    return answer(event)


@router.get("/workflow/events/{event_id}")
async def get_workflow_event(chat_id: str, event_id: str, call: Caller) -> Response:
    """An event."""
    return answer(workflows.get_event(call.world, call.user, chat_id, event_id))


@newer.patch("/workflow/events/{event_id}")
async def update_workflow_event(chat_id: str, event_id: str, body: EventPatch, call: Caller) -> Response:
    """Change an event."""
    service = call.service
    changed = body.model_dump(exclude={"expected_state_version"})
    version = body.expected_state_version
    with service.transaction():
        event = workflows.update_event(
            call.world,
            call.user,
            chat_id,
            event_id,
            changed,
            version,
            service.now(),
            is_broken=service.faults.strikes("delivery"),
        )
    return answer(event)


@older.put("/workflow")
async def set_old_workflow(chat_id: str, body: OldWorkflowBody, call: Caller) -> Response:
    """Make or replace it."""
    return await set_workflow(chat_id, WorkflowBody(**body.model_dump()), call)


@older.patch("/workflow/events/{event_id}")
async def update_old_workflow_event(
    chat_id: str, event_id: str, body: OldEventPatch, call: Caller
) -> Response:
    """Change an event."""
    return await update_workflow_event(chat_id, event_id, EventPatch(**body.model_dump()), call)


@router.delete("/workflow/events/{event_id}")
async def delete_workflow_event(chat_id: str, event_id: str, call: Caller) -> Response:
    """Remove an event; it need not exist."""
    with call.service.transaction():
        workflows.delete_event(call.world, call.user, chat_id, event_id)
    return answer(DELETED)


@router.get("/tasks")
async def list_tasks(chat_id: str, call: Caller) -> Response:
    """All tasks."""
    return answer(tasks.list_all(call.world, call.user, chat_id))


@router.post("/tasks")
async def create_task(chat_id: str, body: TaskBody, call: Caller) -> Response:
    """A new task."""
    with call.service.transaction():
        task = tasks.create(call.world, call.user, chat_id, body.model_dump())
    return answer(task)


@router.get("/tasks/{task_id}")
async def get_task(chat_id: str, task_id: str, call: Caller) -> Response:
    """A task."""
    return answer(tasks.get(call.world, call.user, chat_id, task_id))


@router.patch("/tasks/{task_id}")
async def update_task(chat_id: str, task_id: str, body: TaskPatch, call: Caller) -> Response:
    """Change a task."""
    with call.service.transaction():
        task = tasks.update(call.world, call.user, chat_id, task_id, body.model_dump())
    return answer(task)


@router.delete("/tasks/{task_id}")
async def delete_task(chat_id: str, task_id: str, call: Caller) -> Response:
    """Remove a task; it need not exist."""
    with call.service.transaction():
        tasks.delete(call.world, call.user, chat_id, task_id)
    return answer(DELETED)
