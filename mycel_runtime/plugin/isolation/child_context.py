"""The contexts of a plugin's own process: those of `plugin.context` and `plugin.plain_context`, on a remote port."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.logs import logger_of
from mycel_runtime.plugin.answer_context import AnswerContext, Question
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.event_context import event_context
from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.isolation import messages as said
from mycel_runtime.plugin.isolation.remote_port import RemotePort, WaitingInProcess
from mycel_runtime.plugin.isolation.state import state_from
from mycel_runtime.plugin.message import message_as_told
from mycel_runtime.plugin.message_context import LoopGuardView, MessageContext
from mycel_runtime.plugin.plain_context import plain_context
from mycel_runtime.plugin.port import DecisionPort, MessagePort
from mycel_runtime.plugin.subscription import FrameSubscription
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq, UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.message import Message


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
    ask: Callable[[said.Question], Any], run: said.Run, handler: Handler, settings: Any
) -> ChildRun:
    """
    What a handler is run with.

    Args:
        ask: Puts a question to the runtime and waits for its answer.
        run: What the handler is shown.
        handler: What is run.
        settings: Of its plugin.
    """
    kind = MessagePort if isinstance(run, said.ChatRun) else DecisionPort
    port = RemotePort(kind, run.run, ask, is_blocking=not handler.is_async)
    waiting = WaitingInProcess(port)
    context = _context(port, run, handler, settings)
    argument = context if handler.is_async else plain_context(context, waiting)
    return ChildRun(context=context, argument=argument, waiting=waiting, port=port)


def _context(port: RemotePort, run: said.Run, handler: Handler, settings: Any) -> Context:
    chat_id = ChatId(run.chat_id) if isinstance(run, said.ChatRun) else None
    shown: dict[str, Any] = {
        "me": UserId(run.me),
        "settings": settings,
        "log": logger_of(handler=handler.id, attempt=run.attempt),
        "deadline": run.deadline,
        "attempt": run.attempt,
        "_run": ContextRun(state_from(run.state, chat_id), cast("DecisionPort", port)),
        "_runtime": port,
    }
    match run:
        case said.MessageRun():
            return MessageContext(**_chat_shown(port, run), **shown)
        case said.AnswerRun(question=question):
            meanwhile = _messages(run.meanwhile, run)
            return AnswerContext(
                question=_question(question), meanwhile=meanwhile, **_chat_shown(port, run), **shown
            )
        case said.TimerRun(name=name, key=key, data=data, due_at=due_at):
            at = datetime.fromtimestamp(due_at, UTC)
            return TimerContext(name=name, key=key, data=data, due_at=at, **shown)
        case said.HookRun(moment=moment):
            return StartContext(**shown) if moment == "start" else StopContext(**shown)
        case said.FrameRun(subject=subject, event_type=event_type, metadata=metadata):
            assert isinstance(handler.subscription, FrameSubscription)
            kind, requests = handler.subscription.kind, cast("DecisionPort", port)
            return event_context(kind, subject, requests, event_type=event_type, metadata=metadata, **shown)


def _chat_shown(port: RemotePort, run: said.ChatRun) -> dict[str, Any]:
    return {
        "messages": _messages(run.messages, run),
        "chat_id": ChatId(run.chat_id),
        "chat_type": run.chat_type,
        "guard": LoopGuardView(**run.guard.model_dump()),
        "unsaid": run.unsaid,
        "failure": run.failure,
        "said": tuple(
            Sent(message_id=MessageId(sent.message_id), seq=MessageSeq(sent.seq)) for sent in run.said
        ),
        "_port": cast("MessagePort", port),
    }


def _messages(messages: Iterable[said.ChatMessage], run: said.ChatRun) -> tuple[Message, ...]:
    me = UserId(run.me)
    return tuple(
        message_as_told({"raw": each.raw, "sender_type": each.sender_type}, me=me) for each in messages
    )


def _question(asked: said.AskedQuestion) -> Question:
    return Question(**asked.model_dump() | {"asked_at": datetime.fromtimestamp(asked.asked_at, UTC)})
