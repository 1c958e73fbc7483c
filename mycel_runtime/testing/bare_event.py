"""Runs of handlers of events, without any server: of a chat, of a workflow, or of a frame as it came."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from mycel_runtime.plugin.event_context import ChatEventContext, WorkflowEventContext
from mycel_runtime.plugin.frame_context import FrameContext
from mycel_runtime.plugin.plain_context import (
    SyncChatEventContext,
    SyncFrameContext,
    SyncWorkflowEventContext,
)
from mycel_runtime.testing.bare_message import CHAT
from mycel_runtime.testing.bare_run import BareRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.wire import resources


class BareChatEvent(BareRun[ChatEventContext, SyncChatEventContext]):
    """
    For `@plugin.on_chat`.

    Args:
        event_type: `chat.joined`, `chat.left`, or `chat.join.rejected`.
        title: Of the chat.
        more: As of `BareRun`.
    """

    def __init__(self, event_type: str = "chat.joined", *, title: str = "The room", **more: Any) -> None:
        super().__init__(**more)
        metadata = {"event_type": event_type, "chat_id": CHAT, "title": title}
        self.ctx = ChatEventContext(event_type=event_type, metadata=metadata, **self._shown)

    @override
    def _described(self) -> str:
        return f"{self.ctx.event_type} {self.ctx.title!r}"


class BareWorkflowEvent(BareRun[WorkflowEventContext, SyncWorkflowEventContext]):
    """
    For `@plugin.on_workflow_event`.

    Args:
        state: In the words of whoever runs the workflow; `none`: it was deleted.
        event: More of what the API shows of it, for example `{"kind": "review"}`.
        more: As of `BareRun`.
    """

    def __init__(self, state: str = "open", *, event: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        row = {
            "chat_id": CHAT,
            "event_id": "event",
            "kind": "task",
            "state": state,
            "resource_refs": [],
            "requested_by_user_id": None,
            "decision_states": {},
            "rationales": {},
            "final_state": {},
            "metadata": {},
            "state_version": 1,
            "created_at": time.time(),
            "updated_at": None,
            "settled_at": None,
            **(event or {}),
        }
        event_type = "chat.workflow_event.changed"
        self.ctx = WorkflowEventContext(
            event=None if state == "none" else cast("resources.WorkflowEvent", row),
            event_type=event_type,
            metadata={"event_type": event_type, "chat_id": CHAT, "event_id": row["event_id"]},
            **self._shown,
        )

    @override
    def _described(self) -> str:
        return f"workflow event {self.ctx.event_id}: {self.ctx.state}"


class BareFrame(BareRun[FrameContext, SyncFrameContext]):
    """
    For `@plugin.on_frame`.

    Args:
        event_type: For example `relationship.requested`.
        metadata: As received.
        more: As of `BareRun`.
    """

    def __init__(self, event_type: str, *, metadata: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        told = {"event_type": event_type, **(metadata or {})}
        self.ctx = FrameContext(event_type=event_type, metadata=told, **self._shown)

    @override
    def _described(self) -> str:
        return self.ctx.event_type


def frame_context(
    event_type: str, *, settings: Any = None, attempt: int = 1, **metadata: Any
) -> FrameContext:
    """What a handler of frames is given, with nothing behind it."""
    return BareFrame(event_type, metadata=metadata, settings=settings, attempt=attempt).ctx
