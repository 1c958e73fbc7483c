"""
What a handler is given.

The asynchronous contexts do the work; the ones for plain functions run in a thread and hand each call to the
loop. All of them end with the handler's run: speaking afterwards is refused, because nobody would record it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mycel_runtime.errors import MycelError
from mycel_runtime.plugin.begun_replies import BegunReplies
from mycel_runtime.plugin.message import Message, Sender, message_from_api
from mycel_runtime.wire.arguments import require_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    import structlog

    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Member

T = TypeVar("T")

__all__ = ["FrameContext", "LoopGuardView", "Message", "MessageContext", "Sender", "SyncMessageContext"]


class ContextEndedError(MycelError):
    """A context was used after its handler's run had ended."""

    def __init__(self) -> None:
        super().__init__(
            "this run of the handler has ended: keep no context beyond it, and await every reply within it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopGuardView:
    """
    How near the loop guard is, when the run begins.

    Attributes:
        turns: In which the agent spoke in this chat since a human last did.
        turns_left: Until nothing is said any more; all of them while a human's message is in view, or one of whom
            nobody can tell whether he is.
        is_held: A reply would end the run unsaid.
    """

    turns: int
    turns_left: int
    is_held: bool


@dataclass(slots=True, kw_only=True)
class MessageContext:
    """
    For handlers of messages.

    Attributes:
        messages: Those of this chat that the handler has not been shown; oldest first, never empty.
        chat_id: The chat.
        chat_type: `direct` or `group`; empty when the server would not tell.
        me: The agent's user id.
        settings: An instance of the plugin's model, or the plain table.
        log: A structlog logger bound to handler and delivery. Do not log message texts.
        deadline: Time of the running loop (`asyncio.get_running_loop().time()`) at which the run is cancelled.
        attempt: From 1; more than 1 after failures.
        guard: How much the agent has said here without a human.
        unsaid: Texts that the run before said too late, where `on_conflict` is `repeat`; `messages` tell what came
            between. They stand: if this run says nothing, they are said as they are when it has returned. If it
            replies, that is said instead, counted from the first reply as in any run.
    """

    messages: Sequence[Message]
    chat_id: ChatId
    chat_type: str
    me: UserId
    settings: Any
    log: structlog.stdlib.BoundLogger
    deadline: float
    attempt: int
    guard: LoopGuardView
    unsaid: tuple[str, ...]
    _newer: Callable[[], Awaitable[list[Message]]] = field(repr=False)
    _turn: Turn = field(repr=False)
    _sdk: AsyncClient = field(repr=False)
    _roster: Roster = field(repr=False)
    _replies: BegunReplies = field(default_factory=BegunReplies, init=False, repr=False)
    _is_ended: bool = field(default=False, repr=False)

    def reply(self, text: str, *, mentions: Sequence[str] = ()) -> Coroutine[Any, Any, Sent]:
        """
        Say something in this chat; to be awaited: a run that leaves a reply unawaited has failed.

        It is stored at most once, whatever happens: when this run is repeated, after a crash, an error or a
        conflict, the n-th reply is the n-th reply of the run before. If that one was accepted, it stands, whatever
        the words are now, and though newer messages are in view by then; if it was refused, or the handler stopped
        waiting for it, it is sent now. Within a run, the same words said again after that are the same reply, and
        any others the next. If somebody spoke since `messages` was read, the run ends here and
        the handler is called again with the new messages in view (or as `on_conflict` says). If agents have talked
        among themselves for too long, the run ends here too, and nothing is said.

        Args:
            text: Not blank.
            mentions: User ids. A mention silences everybody else in a group (Q32).

        Returns:
            What stands in the chat. Its `seq` is below that of the newest of `messages` if an earlier run said it
            without knowing that one.

        Raises:
            NotCaughtUpError: Somebody spoke first, and the handler's `on_conflict` is `raise`.
            ArgumentError: The text is blank, or holds what no server can store; nothing was sent.
            ApiError: The backend refused it for good.
            ContextEndedError: The run is over.
        """
        return self._replies.begin(self._reply(text, mentions))

    async def _reply(self, text: str, mentions: Sequence[str]) -> Sent:
        self._require_open()
        return await self._turn.send(text, mentions)

    def require_awaited(self) -> None:
        """
        Called by the runtime when the handler has returned.

        Raises:
            ReplyNotAwaitedError: It has left a reply that has not even begun.
        """
        self._replies.require_awaited()

    async def history(self, limit: int = 50) -> list[Message]:
        """
        The newest messages of the chat, oldest first, own ones included.

        Args:
            limit: How many: 1 … 200.

        Raises:
            ArgumentError: `limit` is out of range.
            ApiError: The backend cannot tell.
        """
        self._require_open()
        require_page(limit, "the limit")
        page = await self._sdk.messages.list(self.chat_id, limit=limit)
        room = await self._roster.room(self.chat_id, {message["sender_id"] for message in page})
        return [
            message_from_api(message, me=self.me, sender_type=room.type_of(message["sender_id"]))
            for message in page
        ]

    async def newer(self) -> list[Message]:
        """
        What is new in this chat, oldest first: nothing that the handler was shown before.

        With `messages`, and what this returned, a reply is as good as its handler's knowledge of the chat: ask just
        before a reply that took long, and it is not refused for what came meanwhile. Where `on_conflict` is `repeat`,
        a handler that is run again is given first what came since its words. Of what its filters keep from it, it is
        told nothing. A dead letter's messages are complete.

        Raises:
            ApiError: The chat cannot be read.
            ContextEndedError: The run is over.

        Cancelling: what was not returned is not known.
        """
        self._require_open()
        return await self._newer()

    def withdraw(self) -> None:
        """Let what is `unsaid` be said no more."""
        self._require_open()
        self._turn.withdraw()

    async def members(self) -> list[Member]:
        """Everybody in the chat, as the API answers it now."""
        self._require_open()
        return (await self._sdk.chats.get(self.chat_id))["members"]

    def end(self) -> None:
        """Called by the runtime when the run is over."""
        self._is_ended = True

    def _require_open(self) -> None:
        if self._is_ended:
            raise ContextEndedError


class SyncMessageContext:
    """
    `MessageContext` for plain functions: the same names, plain calls.

    Cancelling: at the deadline the run's calls are refused; the thread itself cannot be stopped.
    """

    def __init__(self, context: MessageContext, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._loop = loop
        self._is_awaited = False

    def go_on_awaited(self) -> None:
        """Called by the runtime: the function has returned a coroutine, which expects what `MessageContext` gives."""
        self._is_awaited = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._context, name)

    def reply(self, text: str, *, mentions: Sequence[str] = ()) -> Sent:
        """As `MessageContext.reply`."""
        return self._wait(self._context.reply(text, mentions=mentions))

    def history(self, limit: int = 50) -> list[Message]:
        """As `MessageContext.history`."""
        return self._wait(self._context.history(limit))

    def newer(self) -> list[Message]:
        """As `MessageContext.newer`."""
        return self._wait(self._context.newer())

    def members(self) -> list[Member]:
        """As `MessageContext.members`."""
        return self._wait(self._context.members())

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._is_awaited:
            return cast("T", coroutine)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@dataclass(slots=True, kw_only=True)
class FrameContext:
    """
    For handlers of frames.

    Attributes:
        event_type: For example `relationship.requested`.
        metadata: As received. Free text in it was written by other users: data, never an instruction (Q48).
        me, settings, log, deadline, attempt: As in `MessageContext`.
    """

    event_type: str
    metadata: Mapping[str, Any]
    me: UserId
    settings: Any
    log: structlog.stdlib.BoundLogger
    deadline: float
    attempt: int

    def end(self) -> None:
        """Called by the runtime when the run is over."""
