"""
What is asked, as values.

A *question* is asked by an utterance, and answered by one message of its chat, or by nobody. Which of the two is
decided once, in one commit, and its handler is told of that. Times are epoch seconds.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq, UserId

QUESTION_KIND: Final = "question.asked"
"""Kind of the entry that a question is."""

QUESTION: Final = "?"
"""Begins the name of the timer that ends the wait for an answer, which no plugin can set."""


class QuestionState(StrEnum):
    """What is known of an answer."""

    MADE = "made"
    """You are here while its words are still to be said."""
    OPEN = "open"
    """You are here when they stand: the next message of whoever was asked is the answer."""
    OVERDUE = "overdue"
    """You are here when its time is over, and nobody has looked yet whether the answer stands there already."""
    ANSWERED = "answered"
    """You are here when a message is the answer: it is its handler's, and nobody else's."""
    TIMED_OUT = "timed_out"
    """You are here when none came in time."""
    UNSAID = "unsaid"
    """You are here when its words were not said in time, or are not to be said any more."""
    FORGOTTEN = "forgotten"
    """You are here when nobody handles its answers any more."""


UNDECIDED: Final = frozenset({QuestionState.MADE, QuestionState.OPEN, QuestionState.OVERDUE})
"""An answer may still come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuestion:
    """
    What an utterance asks.

    Attributes:
        name: Of the answer's handler, among those of its plugin.
        handler: Its id.
        user_id: Whose next message is the answer; `None`: anybody else's, as in a direct chat.
        data: JSON, for the handler.
        seconds: From when it is made until nobody waits for the answer any more.
    """

    plugin: str
    name: str
    handler: str
    user_id: str | None
    data: str = field(repr=False)
    seconds: float


class AskedPlace(NamedTuple):
    """Where a question's words stand in its chat; without an id: nobody knows which message it is."""

    seq: MessageSeq
    message_id: MessageId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    A question as it stands.

    Attributes:
        entry_id: Of the entry that it is.
        name, handler, user_id, data: As of `NewQuestion`; without data its handler is done.
        asked: Where its words stand, if they do.
        closed_seq: Of an answered one the answer's number; of one without answer how far the chat was looked at.
        pending_hash: Of one whose words are perhaps sent: by which they are found in the chat, above `pending_seq`.
    """

    entry_id: int
    identity: UserId
    plugin: str
    name: str
    handler: str
    lane: str
    chat_id: ChatId
    user_id: str | None
    data: str | None = field(repr=False)
    made_at: float
    state: QuestionState
    asked: AskedPlace | None = None
    closed_seq: MessageSeq | None = None
    pending_hash: str | None = None
    pending_seq: MessageSeq | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether an answer may still come."""
        return self.state in UNDECIDED


class ForgottenQuestions(NamedTuple):
    """How many questions of this name nobody handles the answers of any more."""

    plugin: str
    name: str
    questions: int


class OpenQuestions(NamedTuple):
    """
    What an answer may still come to.

    Attributes:
        questions: How many.
        plugin, name, chat_id, made_at: Of the oldest.
    """

    questions: int
    plugin: str
    name: str
    chat_id: str
    made_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuestions:
    """
    What a process that begins is told.

    Attributes:
        chats: In which something was ever asked.
        forgotten: What nobody waits for any more.
    """

    chats: frozenset[ChatId]
    forgotten: Sequence[ForgottenQuestions] = ()
