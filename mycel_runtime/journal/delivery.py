"""
A claimed delivery, as a value that does not change. Times are epoch seconds of the wall clock.

A delivery is (handler × lane); `work.py` says by what it is due.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId

if TYPE_CHECKING:
    from mycel_runtime.journal.entry import Entry
    from mycel_runtime.journal.firing import Fired
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.ids import DeliveryId, EntryId, HandlerId, Lane
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.questions import Question
    from mycel_runtime.journal.suspicion import Suspicion
    from mycel_runtime.journal.utterance import Utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """
    What every claimed delivery has.

    Attributes:
        claim: Fencing token; every change names it.
        turn: Which one of the delivery's; each has its own intents.
        attempts: Spent so far.
        intents: Of this turn, by ordinal.
        suspicion: `None`: it is no suspect.
    """

    delivery_id: DeliveryId
    claim: int
    identity: UserId
    handler: HandlerId
    lane: Lane
    turn: int
    attempts: int
    due_at: float
    intents: tuple[Intent, ...] = ()
    suspicion: Suspicion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfMessages(_Claimed):
    """
    What a claimed delivery of a chat's messages has.

    Attributes:
        handled_seq: `None` until the handler's start in this chat is anchored.
        wanted_seq: Look at least so far.
        lane_is_anchored: Whether every handler of this lane has its start; if not, anchor before speaking.
        others_seq: So far at least each of the lane's other handlers has been given the chat or is to be; `None`:
            there is no other.
        holes: Numbers at or below `handled_seq` that are still looked for.
    """

    chat_id: ChatId
    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    lane_is_anchored: bool
    others_seq: MessageSeq | None = None
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDelivery(_OfMessages):
    """A living chat: whatever is above the handler's cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterDelivery(_OfMessages):
    """
    A dead letter's messages, due again: those above `handled_seq` up to `wanted_seq`, and no others.

    Attributes:
        living_seq: The cursor of its handler in the living chat.
    """

    living_seq: MessageSeq | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDelivery(_Claimed):
    """
    One entry, be it a dead letter's.

    Attributes:
        fired: The timer whose time has come; `None`: it is a frame.
        is_revived: It was a dead letter.
    """

    chat_id: ChatId | None
    entry: Entry
    fired: Fired | None = None
    is_revived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelivery(_OfMessages):
    """
    A question that is to be decided, or whose handler is to be told how it was; also a dead letter's.

    Attributes:
        handled_seq: Below the answer; without one, how far the chat was looked at.
        question: As it stood when this was claimed.
        is_revived: It was a dead letter.
    """

    question: Question
    is_revived: bool = False

    def decided(self, question: Question) -> AnswerDelivery:
        """The same, as the question stands."""
        closed_seq = question.closed_seq or MessageSeq(0)
        is_answered = question.state == "answered"
        return replace(
            self, question=question, handled_seq=MessageSeq(closed_seq - is_answered), wanted_seq=closed_seq
        )

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer to be shown."""
        return self.question.state == "answered"

    @property
    def asked_seq(self) -> MessageSeq | None:
        """Where the question stands: what was said since is to be shown; `None`: it stands nowhere."""
        return None if self.question.asked is None else self.question.asked.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDelivery(_Claimed):
    """
    What is to be said first, be it a dead letter's.

    Attributes:
        entry: That it is.
        holes: None: it has no cursor.
    """

    chat_id: ChatId
    entry: Entry
    entry_id: EntryId
    utterance: Utterance
    holes: tuple[Hole, ...] = ()


MessageDelivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery
"""What a handler is shown messages in, and answers."""

SpokenDelivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery | UtteranceDelivery
"""What is spoken in."""

Delivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery | EventDelivery | UtteranceDelivery
"""A claimed delivery, with everything that its attempt needs."""
