"""The contexts of a plugin's own process: those of `plugin.context` and `plugin.plain_context`, on a remote port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import structlog

from mycel_runtime.plugin.context import LoopGuardView, MessageContext, message_as_told
from mycel_runtime.plugin.event_context import event_context
from mycel_runtime.plugin.isolation import messages as said
from mycel_runtime.plugin.isolation.remote_port import RemotePort, WaitingInProcess
from mycel_runtime.plugin.plain_context import plain_context
from mycel_runtime.plugin.port import ChatPort, RequestPort
from mycel_runtime.plugin.subscription import FrameSubscription
from mycel_runtime.wire.ids import ChatId, UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.plugin import Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRun:
    """
    One run in this process.

    Attributes:
        context: What does the work.
        argument: What the handler is called with: the context, or its plain counterpart.
        waiting: How a plain function waits.
        port: What takes effect when it returns.
    """

    context: Context
    argument: Any
    waiting: WaitingInProcess
    port: RemotePort


def child_run(
    ask: Callable[[said.Question], Any], run: said.MessageRun | said.FrameRun, handler: Handler, settings: Any
) -> ChildRun:
    """
    What a handler is run with.

    Args:
        ask: Puts a question to the runtime and waits for its answer.
        run: What the handler is shown.
        handler: What is run.
        settings: Of its plugin.
    """
    kind = ChatPort if isinstance(run, said.MessageRun) else RequestPort
    port = RemotePort(kind, run.run, ask, is_blocking=not handler.is_async)
    waiting = WaitingInProcess(port)
    context = _context(port, run, handler, settings)
    argument = context if handler.is_async else plain_context(context, waiting)
    return ChildRun(context=context, argument=argument, waiting=waiting, port=port)


def _context(
    port: RemotePort, run: said.MessageRun | said.FrameRun, handler: Handler, settings: Any
) -> Context:
    log = structlog.get_logger().bind(handler=handler.id, attempt=run.attempt)
    me = UserId(run.me)
    if isinstance(run, said.FrameRun):
        assert isinstance(handler.subscription, FrameSubscription)
        return event_context(
            handler.subscription.kind,
            run.subject,
            cast("RequestPort", port),
            event_type=run.event_type,
            metadata=run.metadata,
            me=me,
            settings=settings,
            log=log,
            deadline=run.deadline,
            attempt=run.attempt,
        )
    return MessageContext(
        messages=tuple(
            message_as_told({"raw": each.raw, "sender_type": each.sender_type}, me=me)
            for each in run.messages
        ),
        chat_id=ChatId(run.chat_id),
        chat_type=run.chat_type,
        guard=LoopGuardView(**run.guard.model_dump()),
        unsaid=run.unsaid,
        failure=run.failure,
        me=me,
        settings=settings,
        log=log,
        deadline=run.deadline,
        attempt=run.attempt,
        _port=cast("ChatPort", port),
    )
