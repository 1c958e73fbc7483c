"""A chat without any server: for a handler that is called as the function that it is."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from typing_extensions import override

from mycel_runtime.plugin.answer_context import AnswerContext, Question
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.json_text import json_text
from mycel_runtime.plugin.message_context import LoopGuardView, MessageContext
from mycel_runtime.plugin.plain_context import SyncAnswerContext, SyncMessageContext, plain_context
from mycel_runtime.plugin.port import StoredReply, ToolEntry
from mycel_runtime.plugin.tool_server import CHAT_VARIABLE, RUN_VARIABLE, STATE_DIR_VARIABLE
from mycel_runtime.testing.bare_message import CHAT, ME, placed, said, told, with_seq
from mycel_runtime.testing.bare_run import shown as shown_of
from mycel_runtime.testing.bare_run import state_of
from mycel_runtime.testing.bare_runtime import BareRuntime, calls_of, waiting_for
from mycel_runtime.testing.chat import Chat
from mycel_runtime.wire.arguments import require_mentions, require_sayable
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.journal.changes import NewTimer
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.port import ToldMessage
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.testing.bare_runtime import BareQuestion
    from mycel_runtime.wire.resources import Member

_ON_NO_SERVER: Final = (
    "A bare chat is on no server: ctx.reply(text) and ctx.say(chat_id, text) are taken down."
)


class BareChat:
    """
    What a handler is shown, and what it says, with nothing behind it.

    No filter is applied, nothing conflicts or gets lost, and every reply is accepted: for that there is `Mycel`.

    Args:
        messages: What the handler is shown: texts of Ada's, or messages as `said` makes them.
        settings: What `ctx.settings` is: an instance of the plugin's model.
        chat_type: `direct` or `group`.
        past: What `ctx.history` shows before `messages`; as they.
        newer: What `ctx.newer` returns when it is called first; as they.
        unsaid: What `ctx.unsaid` is.
        unread: What `ctx.read` returns of other chats, by their ids; as `messages`.
        attempt: What `ctx.attempt` is.
        store: What the plugin remembers; as a run changes it, `ctx.store` shows it.
        chat_store: What it remembers of this chat.
        timers: Names that the plugin has handlers for.
        sdk: As of `BareRun`.
        questions: Names of the questions whose answers it handles.

    Attributes:
        ctx: For an `async def` handler.
        sync_ctx: For a plain function.
        past: All messages so far, own ones included.
        replies: What was said, in order.
        mentions: Whom each reply mentions.
        elsewhere: What was said in other chats by `ctx.say`: each chat's id with the text.
        asked: What was asked by `ctx.ask`.
        is_withdrawn: `ctx.withdraw` was called.
    """

    def __init__(  # noqa: PLR0913 - what a handler may be shown
        self,
        *messages: str | Message,
        settings: Any = None,
        chat_type: str = "direct",
        past: Sequence[str | Message] = (),
        newer: Sequence[str | Message] = (),
        unsaid: Sequence[str] = (),
        unread: Mapping[str, Sequence[str | Message]] | None = None,
        attempt: int = 1,
        store: Mapping[str, Any] | None = None,
        chat_store: Mapping[str, Any] | None = None,
        timers: Collection[str] = (),
        sdk: AsyncClient | None = None,
        questions: Collection[str] = (),
    ) -> None:
        self._waiting = waiting_for(sdk)
        self._run = ContextRun(state_of(store, chat_store, timers, questions), calls_of(sdk, _ON_NO_SERVER))
        self._seqs = itertools.count(1)
        before, shown = (placed(each, self._seqs) for each in (past, messages))
        self._newer = newer
        self.past = before + shown
        self.replies: list[str] = []
        self.mentions: list[tuple[str, ...]] = []
        self.elsewhere: list[tuple[str, str]] = []
        self.asked: list[BareQuestion] = []
        self.is_withdrawn = False
        runtime = BareRuntime(
            self.elsewhere,
            unread or {},
            self.asked,
            questions,
            is_group=chat_type != "direct",
            chat=self,
        )
        self.ctx = self._context(
            messages=shown,
            chat_id=CHAT,
            chat_type=chat_type,
            guard=LoopGuardView(turns=0, turns_left=1_000, is_held=False),
            unsaid=tuple(unsaid),
            _port=_BarePort(self),
            _run=self._run,
            **shown_of(settings, attempt),
            _runtime=runtime,
        )

    def _context(self, **shown: Any) -> MessageContext:
        return MessageContext(**shown)

    def assert_replies(self, *expected: str) -> None:
        """
        Nothing else was said, and in this order.

        Raises:
            AssertionError: It was otherwise; shows the whole conversation.
        """
        __tracebackhide__ = True
        if self.replies != list(expected):
            raise AssertionError(f"expected {list(expected)}, and there was:\n{self.transcript()}")

    def transcript(self) -> str:
        """The whole conversation, a line for each message, for a person."""
        return Chat(CHAT, "The chat").transcript(self.past)

    @property
    def planned(self) -> Sequence[NewTimer]:
        """The timers that were set."""
        return self._run.timers.planned()

    @override
    def __repr__(self) -> str:
        return f"<BareChat of {len(self.past)} messages and {len(self.replies)} replies>"

    @property
    def sync_ctx(self) -> SyncMessageContext:
        """The same run, for a plain function."""
        context = plain_context(self.ctx, self._waiting)
        assert isinstance(context, SyncMessageContext)
        return context

    def withdraw(self) -> None:
        """For the context: what is unsaid is not to be said."""
        self.is_withdrawn = True

    def say(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """
        For the context: a reply.

        Raises:
            ArgumentError: No server could store it.
        """
        require_sayable(text, "the reply's text")
        require_mentions(mentions)
        own = with_seq(said(text, sender="agent", sender_type="external"), next(self._seqs))
        self.past.append(own)
        self.replies.append(text)
        self.mentions.append(tuple(mentions))
        return StoredReply(message_id=own.id, seq=own.seq)

    def show_newer(self) -> list[Message]:
        """For the context: what came meanwhile counts as shown now."""
        shown, self._newer = placed(self._newer, self._seqs), ()
        self.past += shown
        return shown


class BareAnswer(BareChat):
    """
    For `@plugin.on_answer`: a `BareChat` in which something was asked.

    Args:
        name: Of the question.
        answer: The answer, as a message of a `BareChat`; `None`: there is none.
        data: As the question was asked with.
        outcome: `timed_out` or `unsaid`, where there is no answer.
        meanwhile: What `ctx.meanwhile` is, and stands behind the answer; as messages of a `BareChat`.
        more: As of `BareChat`.
    """

    ctx: AnswerContext

    def __init__(
        self,
        name: str,
        answer: str | Message | None = None,
        *,
        data: Any = None,
        outcome: Literal["timed_out", "unsaid"] = "timed_out",
        meanwhile: Sequence[str | Message] = (),
        **more: Any,
    ) -> None:
        is_said = answer is not None or outcome == "timed_out"
        self._question = Question(
            name=name,
            data=json.loads(json_text(data, "a question's data")),
            chat_id=CHAT,
            user_id="ada",
            asked_at=datetime.now(UTC),
            outcome="answered" if answer is not None else outcome,
            message_id=MessageId("question") if is_said else None,
            seq=MessageSeq(1) if is_said else None,
        )
        self._meanwhile = meanwhile
        super().__init__(*([] if answer is None else [answer]), **more)

    @override
    def _context(self, **shown: Any) -> AnswerContext:
        meanwhile = placed(self._meanwhile, self._seqs)
        self.past += meanwhile
        return AnswerContext(question=self._question, meanwhile=meanwhile, **shown)

    @property
    @override
    def sync_ctx(self) -> SyncAnswerContext:
        """The same run, for a plain function."""
        context = plain_context(self.ctx, self._waiting)
        assert isinstance(context, SyncAnswerContext)
        return context


class _BarePort:
    """What a context asks, answered at once."""

    def __init__(self, chat: BareChat) -> None:
        self._chat = chat

    async def reply(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """Accepted, if it can be said at all."""
        return self._chat.say(text, mentions)

    async def history(self, limit: int, before: int | None) -> list[ToldMessage]:
        """All that was said so far, below a number."""
        past = [message for message in self._chat.past if before is None or message.seq < before]
        return [told(message) for message in past[-limit:]]

    async def newer(self) -> list[ToldMessage]:
        """What was given, once."""
        return [told(message) for message in self._chat.show_newer()]

    async def members(self) -> list[Member]:
        """Whoever has spoken, and the agent."""
        speakers = {message.sender.id: message.sender for message in self._chat.past}
        others = [_member(each.id, each.name, each.type) for each in speakers.values() if each.id != ME]
        return [*others, _member(ME, ME, "external")]

    async def tools(self) -> ToolEntry:
        """As of a run that is over: there is no daemon."""
        return ToolEntry(
            command=["mycel-runtime", "mcp"],
            environment={RUN_VARIABLE: "bare", CHAT_VARIABLE: CHAT, STATE_DIR_VARIABLE: "/nonexistent"},
        )

    def withdraw(self) -> None:
        """Noted."""
        self._chat.withdraw()


def _member(user_id: str, name: str, type_: str) -> Member:
    return cast("Member", {"id": user_id, "name": name, "type": type_})
