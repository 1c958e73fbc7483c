"""What a handler of answers is given: what it has asked, and what became of it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message_context import MessageContext

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq


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
