"""
What a handler is given: for `async def`. Those for plain functions are derived from these, in `plain_context`.

Written once, for handlers beside the runtime and for those in a process of their own: what needs the runtime goes
through a port. All contexts end with the handler's run: speaking afterwards is refused, because nobody would record
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from typing_extensions import override

from mycel_runtime.plugin.answer_wish import ANSWER_SECONDS, answer_wish, require_answer_wish
from mycel_runtime.plugin.chats import Chats
from mycel_runtime.plugin.context_run import ContextEndedError, ContextRun
from mycel_runtime.plugin.message import Message, Sender, message_from_api
from mycel_runtime.plugin.tool_server import ToolServer
from mycel_runtime.speech.sent import Sent
from mycel_runtime.wire.arguments import require_mentions, require_page, require_place, require_storable
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from datetime import datetime, timedelta

    import structlog

    from mycel_runtime.journal.utterance import UtterancePolicy
    from mycel_runtime.plugin.port import ChatPort, RunPort, ToldMessage
    from mycel_runtime.plugin.store import Store
    from mycel_runtime.plugin.timers import Timers
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Member

__all__ = [
    "AnswerContext",
    "Chats",
    "Context",
    "ContextEndedError",
    "FrameContext",
    "LoopGuardView",
    "Message",
    "MessageContext",
    "Question",
    "Sender",
    "Sent",
    "StartContext",
    "StopContext",
    "TimerContext",
]


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
class RunView:
    """
    What every handler is shown.

    Attributes:
        me: The agent's user id.
        settings: An instance of the plugin's model, or the plain table.
        log: A structlog logger bound to handler and delivery. Do not log message texts.
        deadline: The time by `time.monotonic()` at which the run is cancelled, wherever it runs.
        attempt: From 1; more than 1 after failures.
        store: What the plugin remembers, a mapping of JSON values. It changes when the delivery ends well, and not
            otherwise.
        timers: What the plugin plans; as of `store`.
    """

    me: UserId
    settings: Any
    log: structlog.stdlib.BoundLogger
    deadline: float
    attempt: int
    _run: ContextRun = field(default_factory=ContextRun, repr=False)
    _runtime: RunPort = field(default=cast("RunPort", None), repr=False)

    @property
    def store(self) -> Store:
        """What the plugin remembers."""
        return self._run.store

    @property
    def timers(self) -> Timers:
        """What the plugin plans."""
        return self._run.timers

    @property
    def run(self) -> ContextRun:
        """Used by the runtime."""
        return self._run

    def require_awaited(self) -> None:
        """
        Called by the runtime when the handler has returned.

        Raises:
            ReplyNotAwaitedError: It has left a reply that has not even begun.
        """
        self._run.require_awaited()

    def end(self) -> None:
        """Called by the runtime when the run is over."""
        self._run.end()


class Calling(RunView):
    """What every handler can do; for `async def` handlers."""

    __slots__ = ()

    @property
    def sdk(self) -> AsyncClient:
        """
        The SDK's client, as the agent: every method with its arguments and results, and neither token nor address.

        What would break a promise to the agent's other handlers raises `GuardedCallError`, which names the call to
        use instead: moving the cursor, draining, streaming, logging in. `messages.send` in the chat that the handler
        was called for is a reply, as of `reply`, and to be awaited within the run. Other writes are not journalled: a
        run that is repeated makes them again.
        """
        from mycel_runtime.plugin.guarded_client import guarded_async_client  # noqa: PLC0415 - only who uses it pays

        return guarded_async_client(self._run)

    @property
    def chats(self) -> Chats:
        """The agent's chats."""
        return Chats(self._run, self._runtime)

    async def read(self, chat_id: str, limit: int = 50) -> list[Message]:
        """
        What this plugin has not been shown in a chat, oldest first, page by page: an empty page is the end for now.

        What one of the plugin's own handlers of messages wants is that handler's, called or to be called, and not
        shown here; nor are notifications. What is returned counts as shown from the end of the delivery on, in the
        same commit: a run that is repeated is shown the same again. Other plugins are shown it all the same. New to a
        chat, a plugin begins where the agent's handlers did.

        In the chat that the handler was called for it is what `newer` returns.

        Args:
            chat_id: Any chat that the agent is in.
            limit: Messages at most: 1 … 200.

        Raises:
            ArgumentError: `limit` is out of range, or it is no chat id.
            ApiError: The chat cannot be read.
            ContextEndedError: The run is over.

        Cancelling: what was not returned does not count as shown.
        """
        self._run.require_open()
        require_page(limit, "the limit")
        if not isinstance(chat_id, str):
            require_storable(chat_id, "the chat id")
        told = await self._runtime.read(chat_id, limit)
        messages = [message_as_told(each, me=self.me) for each in told]
        if messages:
            self._runtime.count_read(chat_id, max(message.seq for message in messages))
        return messages


class Speaking(Calling):
    """What every handler can do besides but a hook of the stop; for `async def` handlers."""

    __slots__ = ()

    def say(
        self,
        chat_id: str,
        text: str,
        *,
        mentions: Sequence[str] = (),
        on_conflict: UtterancePolicy = "wait",
    ) -> Coroutine[Any, Any, None]:
        """
        Speak first, in whatever chat the agent is in; to be awaited: a run that leaves it unawaited has failed.

        Returns once it is written down, and waits for no chat. It is said when the chat's own work is done: behind
        what is due there, and only when all that stands before it was shown to every handler of the agent that wants
        messages of this chat. Said once, whatever happens: the n-th in a chat is the n-th in that chat of the run
        before, whatever the words are now, and stands though this run may fail. What cannot be said in the end is a
        dead letter.

        In the chat that the handler was called for it is a reply: `reply` says of it what holds.

        Args:
            chat_id: Where; `ctx.chats.direct(user_id)` finds the direct chat with somebody.
            text: Not blank.
            mentions: User ids. A mention silences everybody else in a group (Q32).
            on_conflict: What becomes of it when somebody speaks there before it is said: `wait` until that was
                shown, or `drop` it.

        Raises:
            ArgumentError: The text is blank, or holds what no server can store; nothing will be said.
            ApiError: By `drop`, in a chat that the agent has not heard of yet: the backend cannot tell how far it
                goes.
            ContextEndedError: The run is over.

        Cancelling: it may be written down or not; said again with the same words it is the same.
        """
        return self._run.begin(self._say(chat_id, text, mentions, on_conflict))

    async def _say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        self._run.require_open()
        for argument, what in ((chat_id, "the chat id"), (text, "the text")):
            if not isinstance(argument, str):
                require_storable(argument, what)
        require_mentions(mentions)
        await self._runtime.say(chat_id, text, tuple(mentions), on_conflict)

    def ask(
        self,
        chat_id: str,
        text: str,
        *,
        name: str,
        data: Any = None,
        timeout: float | timedelta = ANSWER_SECONDS,
        user_id: str | None = None,
        mentions: Sequence[str] = (),
        on_conflict: UtterancePolicy = "wait",
    ) -> Coroutine[Any, Any, None]:
        """
        Ask somebody something, in whatever chat; to be awaited, as `say`.

        Returns once it is written down, and waits for nobody. It is said as `say` says, also in the chat that the
        handler was called for: there, after this run's replies. The answer is the next message of whoever is asked in
        that chat after the question stands there. It goes to the plugin's `@plugin.on_answer(name)`, once, and to no
        other handler of the agent. Who has been asked several things there answers them in the order in which they
        stand, one by each message.

        Args:
            chat_id: Where.
            text: Not blank.
            name: Of the handler of the answer.
            data: What that is given as `ctx.data`: JSON, or a pydantic model; 64 KiB at most.
            timeout: Seconds from now, or a `timedelta`, at most ten years; by default a day. When they are over and
                there is no answer, the handler is called without one. A question that is not said by then is not
                said any more.
            user_id: Whose answer. By default, in a direct chat, that of the other one; in the chat that the handler
                was called for, that of who wrote the last of `messages`. In other groups it has to be given.
            mentions: As of `say`.
            on_conflict: As of `say`. A question that is dropped is answered by nobody, and the handler is told at
                once.

        Raises:
            ArgumentError: Nobody handles the name, it is not known who is asked, or the text, the data or the time is
                none; nothing will be said.
            ApiError: The backend cannot tell whether the chat is a direct one.
            ContextEndedError: The run is over.

        Cancelling: as of `say`.
        """
        wish = (name, data, timeout, user_id)
        return self._run.begin(self._ask(chat_id, text, mentions, on_conflict, wish))

    async def _ask(
        self,
        chat_id: str,
        text: str,
        mentions: Sequence[str],
        on_conflict: str,
        wish: tuple[str, Any, float | timedelta, str | None],
    ) -> None:
        self._run.require_open()
        for argument, what in ((chat_id, "the chat id"), (text, "the text")):
            if not isinstance(argument, str):
                require_storable(argument, what)
        require_mentions(mentions)
        name, data, timeout, user_id = wish
        asked = user_id if user_id is not None else self._whom(chat_id)
        checked = require_answer_wish(answer_wish(name, data, timeout, asked), self._run.state.question_names)
        await self._runtime.ask(chat_id, text, tuple(mentions), on_conflict, checked)

    def _whom(self, _chat_id: str) -> str | None:
        """Who is asked where nobody is named; `None`: who else is in the chat tells."""
        return None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What a plugin has asked.

    Attributes:
        name: Of its handler.
        data: As it was asked with.
        chat_id: Where it was asked.
        user_id: Who was asked; `None`: whoever else is in the chat.
        asked_at: When `ctx.ask` was called.
        outcome: `answered`; `timed_out`: it stands in the chat, and no answer came in time; `unsaid`: it was not said
            in time, or is not to be said any more.
        message_id: Of its words in the chat; `None` where they do not stand, or nobody knows which they are.
        seq: Their number there.
    """

    name: str
    data: Any = field(repr=False)
    chat_id: ChatId
    user_id: str | None
    asked_at: datetime
    outcome: Literal["answered", "timed_out", "unsaid"]
    message_id: MessageId | None = None
    seq: MessageSeq | None = None


class Answering:
    """What a handler of answers is shown besides."""

    __slots__ = ()

    question: Question
    messages: Sequence[Message]

    @property
    def answer(self) -> Message | None:
        """What the person has answered; `None`: nothing."""
        return self.messages[-1] if self.messages else None

    @property
    def name(self) -> str:
        """Of the question."""
        return self.question.name

    @property
    def data(self) -> Any:
        """As the question was asked with."""
        return self.question.data

    @property
    def timed_out(self) -> bool:
        """Whether there is no answer: in time, or because the question was never said."""
        return self.question.outcome != "answered"


@dataclass(slots=True, kw_only=True)
class AnswerContext(MessageContext, Answering):
    """
    For `async def` handlers of answers: all of a `MessageContext`, in the chat where the question was asked.

    Attributes:
        messages: The answer; empty if there is none.
        question: What was asked, and what became of it.
        meanwhile: What else was said in the chat since the question stands there, before the answer and after it,
            oldest first; without the answers to other questions. The chat's handlers of messages are shown it as
            well. Called again after a conflict, and by `newer`, the handler is shown what has come since.
    """

    question: Question
    meanwhile: Sequence[Message]

    @override
    def _whom(self, chat_id: str) -> str | None:
        if chat_id == self.chat_id and not self.messages:
            return self.question.user_id
        return MessageContext._whom(self, chat_id)  # noqa: SLF001 - a slotted dataclass has no `super()`


@dataclass(slots=True, kw_only=True)
class FrameView(RunView):
    """
    What a handler of frames is shown.

    Attributes:
        event_type: For example `relationship.requested`.
        metadata: As received. Free text in it was written by other users: data, never an instruction (Q48).
    """

    event_type: str
    metadata: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class FrameContext(FrameView, Speaking):
    """For handlers of frames."""


@dataclass(slots=True, kw_only=True)
class TimerView(RunView):
    """
    What a handler of a timer, or of a schedule, is shown.

    Attributes:
        name: Of the timer; of a schedule the handler's.
        key: As the timer was set; empty of a schedule.
        data: As the timer was set; `None` of a schedule.
        due_at: When it was to be called. It may be late: after a downtime by as long as that took.
    """

    name: str
    key: str
    data: Any
    due_at: datetime


@dataclass(slots=True, kw_only=True)
class TimerContext(TimerView, Speaking):
    """For handlers of timers and schedules."""


@dataclass(slots=True, kw_only=True)
class StartView(RunView):
    """
    What is shown to a hook of the agent's start.

    Attributes:
        attempt: From 1 at each start of the agent; more than 1 after failures.
    """


@dataclass(slots=True, kw_only=True)
class StartContext(StartView, Speaking):
    """For hooks of the agent's start. What they `say` is written down when they have returned, and not before."""


@dataclass(slots=True, kw_only=True)
class StopView(RunView):
    """
    What is shown to a hook of the agent's stop.

    Attributes:
        attempt: 1.
    """


@dataclass(slots=True, kw_only=True)
class StopContext(StopView, Calling):
    """For hooks of the agent's stop."""


Context: TypeAlias = AnswerContext | MessageContext | FrameView | TimerContext | StartContext | StopContext
"""What a handler is run with, for `async def`; a plain function gets its plain counterpart."""


def message_as_told(told: ToldMessage, *, me: UserId) -> Message:
    """The handler's view of what a port has told."""
    return message_from_api(cast("resources.Message", told["raw"]), me=me, sender_type=told["sender_type"])
