"""What a handler of messages is given: those of one chat that it has not been shown, and how it replies to them."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import message_as_told
from mycel_runtime.plugin.run_view import RunView
from mycel_runtime.plugin.speaking import Speaking
from mycel_runtime.plugin.tool_server import ToolServer
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.arguments import require_mentions, require_page, require_place, require_storable
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.port import ChatPort, ToldMessage
    from mycel_runtime.plugin.store import Store
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Member


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
class MessageView(RunView):
    """
    What a handler of messages is shown.

    Attributes:
        messages: Those of this chat that the handler has not been shown; oldest first, never empty.
        chat_id: The chat.
        chat_type: `direct` or `group`; empty when the server would not tell.
        guard: How much the agent has said here without a human.
        unsaid: Texts that the run before said too late, where `on_conflict` is `repeat`; `messages` tell what came
            between. They stand: if this run says nothing, they are said as they are when it has returned. If it
            replies, that is said instead, counted from the first reply as in any run.
        failure: In the run of an `on_give_up` function: why the messages are given up, in one line without their
            words. Empty in all others.
        said: What earlier runs of this delivery have said and what stands, in the order of the replies; empty in the
            first. What those runs have changed of `store`, `chat_store` and `timers` is undone.
        chat_store: What the plugin remembers of this chat; as of `store`.
    """

    messages: Sequence[Message]
    chat_id: ChatId
    chat_type: str
    guard: LoopGuardView
    unsaid: tuple[str, ...]
    failure: str = ""
    said: tuple[Sent, ...] = ()
    _port: ChatPort = field(repr=False)

    @property
    def chat_store(self) -> Store:
        """What the plugin remembers of this chat."""
        return self._run.chat_store

    def withdraw(self) -> None:
        """Let what is `unsaid` be said no more."""
        self._run.require_open()
        self._port.withdraw()


@dataclass(slots=True, kw_only=True)
class MessageContext(MessageView, Speaking):
    """For `async def` handlers of messages: what they are shown, and what they can do."""

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
        return self._run.begin(self._reply(text, mentions))

    async def _reply(self, text: str, mentions: Sequence[str]) -> Sent:
        self._run.require_open()
        if not isinstance(text, str):
            require_storable(text, "the reply's text")
        require_mentions(mentions)
        stored = await self._port.reply(text, tuple(mentions))
        return Sent(message_id=MessageId(stored["message_id"]), seq=MessageSeq(stored["seq"]))

    async def history(self, limit: int = 50, *, before: int | None = None) -> list[Message]:
        """
        The newest messages of the chat, oldest first, own ones included; page by page, as far back as it goes.

        Args:
            limit: How many at most: 1 … 200. Only an empty page is the end: some servers leave some out.
            before: Only those below this number, for example the `seq` of the first one of the page before.

        Raises:
            ArgumentError: `limit` or `before` is out of range.
            ApiError: The backend cannot tell.
            ContextEndedError: The run is over.

        Cancelling: loses nothing.
        """
        self._run.require_open()
        require_page(limit, "the limit")
        if before is not None:
            require_place(before, "before")
        return self._messages(await self._port.history(limit, before))

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
        self._run.require_open()
        return self._messages(await self._port.newer())

    async def members(self) -> list[Member]:
        """
        Everybody in the chat, as the API answers it now.

        Raises:
            ApiError: The backend cannot tell.
            ContextEndedError: The run is over.

        Cancelling: loses nothing.
        """
        self._run.require_open()
        return await self._port.members()

    async def tools(self) -> ToolServer:
        """
        Mycel as tools for an agent that this handler lets work: it speaks by them as this run, until its end.

        What it says in this chat by `reply` or `say` is the run's next reply, as of `reply`, among those that the
        handler says itself; what it reads here is what `newer` returns. If somebody speaks first, it is not said, and
        the agent is told what that was, which counts as shown, and may speak again: the run goes on, whatever
        `on_conflict` is. In other chats it speaks first, as of `say`. When the run is over, what it says is refused.

        It needs the extra `mycel-runtime[mcp]`. The same within a run, however often it is asked for.

        Raises:
            ContextEndedError: The run is over.

        Cancelling: loses nothing.
        """
        self._run.require_open()
        told = await self._port.tools()
        return ToolServer(command=tuple(told["command"]), environment=told["environment"])

    @override
    def _whom(self, chat_id: str) -> str | None:
        is_here = chat_id == self.chat_id and self.chat_type != "direct"
        return self.messages[-1].sender.id if is_here and self.messages else None

    def _messages(self, told: Sequence[ToldMessage]) -> list[Message]:
        return [message_as_told(each, me=self.me) for each in told]
