"""
The contexts of plain functions: the same names, plain calls, typed. Derived: nothing is written twice.

Each call is a coroutine of the context for `async def`, and whoever runs the function says how it is waited for: on
the runtime's loop while a thread blocks, or step by step in a process of the plugin's own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from dataclasses import field
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    overload,
)

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.answer_context import AnswerContext, Answering, Question
from mycel_runtime.plugin.calling import Calling
from mycel_runtime.plugin.chats import Chats
from mycel_runtime.plugin.event_context import (
    ChatEventContext,
    ChatEventView,
    JoinRequestContext,
    JoinRequestView,
    RelationshipContext,
    RelationshipView,
    WorkflowEventContext,
    WorkflowEventView,
)
from mycel_runtime.plugin.frame_context import FrameContext, FrameView
from mycel_runtime.plugin.hook_context import StartContext, StartView, StopContext, StopView
from mycel_runtime.plugin.message_context import MessageContext, MessageView
from mycel_runtime.plugin.run_view import RunView
from mycel_runtime.plugin.speaking import Speaking
from mycel_runtime.plugin.timer_context import TimerContext, TimerView

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.sdk import Client

P = ParamSpec("P")
T = TypeVar("T")


class Waiting(Protocol):
    """How a plain call waits for what it asks."""

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result, or what it raises."""

    def go_on_awaited(self) -> None:
        """Called by the runtime: the function has returned a coroutine, which awaits what it asks itself."""


class WaitingInThread:
    """
    For a function in a thread: the loop does the work meanwhile.

    Cancelling: at the deadline the run's calls are refused; the thread itself cannot be stopped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_awaited = False

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result; the coroutine itself, once it is awaited."""
        if self._is_awaited:
            return cast("T", coroutine)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def go_on_awaited(self) -> None:
        """The function has returned a coroutine."""
        self._is_awaited = True


class _Plain(Protocol):
    """What `plain` needs of the context that it stands in."""

    _awaited: Any
    _waiting: Waiting


class plain(Generic[P, T]):  # noqa: N801 - reads as the decorator that it is
    """A method for plain functions that does what one for `async def` does."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method

    @overload
    def __get__(self, context: None, owner: type[Any]) -> Callable[Concatenate[Any, P], Any]: ...

    @overload
    def __get__(self, context: _Plain, owner: type[Any]) -> Callable[P, T]: ...

    def __get__(self, context: _Plain | None, owner: type[Any]) -> Callable[..., Any]:
        method = self._method
        if context is None:
            return method
        awaited, waiting = context._awaited, context._waiting  # noqa: SLF001 - a descriptor is part of the class it stands in

        @functools.wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return waiting.wait(method(awaited, *args, **kwargs))

        return call


class SyncChats:
    """`ctx.chats`, for plain functions: `Chats`, with plain calls."""

    __slots__ = ("_awaited", "_waiting")

    def __init__(self, awaited: Chats, waiting: Waiting) -> None:
        self._awaited = awaited
        self._waiting = waiting

    direct = plain(Chats.direct)


class SyncCalling(RunView):
    """What every plain function can do: `Calling`, with plain calls."""

    __slots__ = ()

    _awaited: Any
    _waiting: Waiting

    @property
    def sdk(self) -> Client:
        """The SDK's client, as the agent; as of `Calling`."""
        from mycel_runtime.plugin.guarded_client import guarded_client  # noqa: PLC0415 - only who uses it pays

        return guarded_client(self._run, self._waiting.wait)

    read = plain(Calling.read)

    @property
    def chats(self) -> SyncChats:
        """The agent's chats."""
        return SyncChats(self._awaited.chats, self._waiting)


class SyncSpeaking(SyncCalling):
    """What every plain function can do besides but a hook of the stop: `Speaking`, with plain calls."""

    __slots__ = ()

    say = plain(Speaking.say)
    ask = plain(Speaking.ask)


@dataclass(slots=True, kw_only=True)
class SyncMessageContext(MessageView, SyncSpeaking):
    """For plain functions that handle messages: `MessageContext`, with plain calls."""

    _awaited: MessageContext = field(repr=False)
    _waiting: Waiting = field(repr=False)

    reply = plain(MessageContext.reply)
    history = plain(MessageContext.history)
    newer = plain(MessageContext.newer)
    members = plain(MessageContext.members)
    tools = plain(MessageContext.tools)


@dataclass(slots=True, kw_only=True)
class SyncAnswerContext(SyncMessageContext, Answering):
    """For plain functions that handle answers: `AnswerContext`, with plain calls."""

    question: Question
    meanwhile: Sequence[Message]
    _awaited: AnswerContext = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncFrameContext(FrameView, SyncSpeaking):
    """For plain functions that handle frames: `FrameContext`, with plain calls."""

    _awaited: FrameContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncTimerContext(TimerView, SyncSpeaking):
    """For plain functions that handle timers and schedules: `TimerContext`, with plain calls."""

    _awaited: TimerContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncStartContext(StartView, SyncSpeaking):
    """For plain functions that are hooks of the agent's start: `StartContext`, with plain calls."""

    _awaited: StartContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncStopContext(StopView, SyncCalling):
    """For plain functions that are hooks of the agent's stop: `StopContext`, with plain calls."""

    _awaited: StopContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncRelationshipContext(RelationshipView, SyncSpeaking):
    """For plain functions that handle relationships: `RelationshipContext`, with plain calls."""

    _awaited: RelationshipContext = field(repr=False)
    _waiting: Waiting = field(repr=False)

    approve = plain(RelationshipContext.approve)
    reject = plain(RelationshipContext.reject)


@dataclass(slots=True, kw_only=True)
class SyncJoinRequestContext(JoinRequestView, SyncSpeaking):
    """For plain functions that handle requests to join: `JoinRequestContext`, with plain calls."""

    _awaited: JoinRequestContext = field(repr=False)
    _waiting: Waiting = field(repr=False)

    approve = plain(JoinRequestContext.approve)
    reject = plain(JoinRequestContext.reject)


@dataclass(slots=True, kw_only=True)
class SyncChatEventContext(ChatEventView, SyncSpeaking):
    """For plain functions that handle the agent's chats: `ChatEventContext`, with plain calls."""

    _awaited: ChatEventContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


@dataclass(slots=True, kw_only=True)
class SyncWorkflowEventContext(WorkflowEventView, SyncSpeaking):
    """For plain functions that handle workflow events: `WorkflowEventContext`, with plain calls."""

    _awaited: WorkflowEventContext = field(repr=False)
    _waiting: Waiting = field(repr=False)


PLAIN: Final[dict[type[Any], type[Any]]] = {
    MessageContext: SyncMessageContext,
    AnswerContext: SyncAnswerContext,
    FrameContext: SyncFrameContext,
    RelationshipContext: SyncRelationshipContext,
    JoinRequestContext: SyncJoinRequestContext,
    ChatEventContext: SyncChatEventContext,
    WorkflowEventContext: SyncWorkflowEventContext,
    TimerContext: SyncTimerContext,
    StartContext: SyncStartContext,
    StopContext: SyncStopContext,
}
"""The plain counterpart of each context."""


def plain_context(context: Context, waiting: Waiting) -> RunView:
    """The plain counterpart of a context: it shows the same, and is the same run."""
    shown = {each.name: getattr(context, each.name) for each in dataclasses.fields(context)}
    made: RunView = PLAIN[type(context)](**shown, _awaited=context, _waiting=waiting)
    return made
