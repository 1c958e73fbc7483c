"""
What a handler is shown of its chat, and what its run covers of it. Pure.

`Attempts` reads the chat and runs the handler; what has been read means, and what it makes due, is decided here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.verdict import Failed, Returned, Unanswered
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.delivery import AnswerDelivery, LetterDelivery
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import NOTIFICATION, message_from_api
from mycel_runtime.speech.caught_up import concerns, still_open
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.plugin.subscription import MessageSubscription
    from mycel_runtime.speech.ledger import Ledger
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import UserId


def read_after(delivery: MessageDelivery, handled_seq: MessageSeq) -> int:
    """
    From where the chat is read: numbers that an earlier turn missed are read again (Q27).

    And so is what was said between a question and its answer.
    """
    seqs: list[int] = [handled_seq, *(hole.seq - 1 for hole in delivery.holes)]
    if isinstance(delivery, AnswerDelivery) and delivery.asked_seq is not None:
        seqs.append(delivery.asked_seq)
    return min(seqs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What was read of a chat for a delivery.

    Attributes:
        history: Above the handler's cursor and in its holes; ascending, own messages included.
        foreign: Those of them that are somebody else's and concern us.
        earlier: Of a question: the same of what stands between its words and the handler's cursor.
        read_at: When the reading began, epoch seconds.
        after_seq: All that there is above this number was read.
    """

    delivery: MessageDelivery
    history: Sequence[resources.Message]
    foreign: Sequence[resources.Message]
    read_at: float
    after_seq: int = 0
    earlier: Sequence[resources.Message] = ()

    @classmethod
    def of(
        cls,
        page: Sequence[resources.Message],
        delivery: MessageDelivery,
        handled_seq: MessageSeq,
        *,
        me: UserId,
        read_at: float,
    ) -> Reading:
        """The part of a page that the delivery is about."""
        holes = {hole.seq for hole in delivery.holes}
        history = [message for message in page if message["seq"] > handled_seq or message["seq"] in holes]
        foreign = [message for message in history if concerns(message, me)]
        is_of_question = isinstance(delivery, AnswerDelivery)
        return cls(
            delivery=delivery,
            history=history,
            foreign=foreign,
            earlier=[
                message
                for message in page
                if is_of_question and message["seq"] <= handled_seq and concerns(message, me)
            ],
            read_at=read_at,
            after_seq=handled_seq,
        )

    def through(self, seq: MessageSeq) -> Reading:
        """The part of it up to a number."""
        return dataclasses.replace(
            self,
            history=[message for message in self.history if message["seq"] <= seq],
            foreign=[message for message in self.foreign if message["seq"] <= seq],
        )

    def beyond(self, seq: MessageSeq) -> MessageSeq | None:
        """The newest number above that; `None`: there is none."""
        return max(
            (MessageSeq(message["seq"]) for message in self.history if message["seq"] > seq), default=None
        )

    def without(self, known_ids: Collection[str]) -> Reading:
        """What of it is not known already."""
        return dataclasses.replace(
            self,
            history=[message for message in self.history if message["id"] not in known_ids],
            foreign=[message for message in self.foreign if message["id"] not in known_ids],
            earlier=[message for message in self.earlier if message["id"] not in known_ids],
        )

    @property
    def newest_seq(self) -> int:
        """Of what is somebody else's; 0: there is none."""
        return max((message["seq"] for message in self.foreign), default=0)

    @property
    def speakers(self) -> frozenset[str]:
        """Who said what is to be shown."""
        return frozenset(message["sender_id"] for message in (*self.earlier, *self.foreign))

    @property
    def untold_seq(self) -> MessageSeq | None:
        """
        How far the chat's other handlers must look, before anybody speaks.

        What no hint has told of, this handler's reply marks as read, and then no hint ever will (Q26, Q32).
        """
        others_seq, newest_seq = self.delivery.others_seq, self.newest_seq
        if isinstance(self.delivery, AnswerDelivery):
            # It begins where the answer was looked for, and that was no handler's look.
            newest_seq = max(newest_seq, self.after_seq)
        is_untold = others_seq is not None and newest_seq > others_seq
        return MessageSeq(newest_seq) if is_untold else None

    @property
    def is_overtaken(self) -> bool:
        """
        Whether a dead letter's chat holds what its handler has been given neither with the letter nor since.

        A reply would mark it as read, and nobody had seen it.
        """
        if not isinstance(self.delivery, LetterDelivery):
            return False
        given_seq = max(self.delivery.wanted_seq, self.delivery.living_seq or 0)
        return any(message["seq"] > given_seq for message in self.foreign)

    @property
    def due(self) -> Sequence[resources.Message]:
        """
        What this delivery is about.

        A dead letter's messages end where it was buried, a question's begin behind its words, the others go on.
        """
        if not isinstance(self.delivery, LetterDelivery) or not self.delivery.wanted_seq:
            return [*self.earlier, *self.foreign]
        return [message for message in self.foreign if message["seq"] <= self.delivery.wanted_seq]


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """
    What a handler is shown.

    Attributes:
        messages: Those that it wants to hear.
        is_attended: A human spoke.
        is_sender_unknown: Somebody spoke who may be a human or not.
    """

    messages: tuple[Message, ...]
    is_attended: bool
    is_sender_unknown: bool

    def parted(self, answer_seq: MessageSeq | None) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """The answer, if there is one, and the rest."""
        answer = tuple(message for message in self.messages if message.seq == answer_seq)
        return answer, tuple(message for message in self.messages if message.seq != answer_seq)


def brief(
    reading: Reading,
    room: Room,
    subscription: MessageSubscription,
    *,
    me: UserId,
    taken: Collection[int] = (),
) -> Briefing:
    """
    Who spoke, and what of it the handler wants.

    Args:
        reading: What was read.
        room: Who is in the chat.
        subscription: Of the handler.
        me: The identity.
        taken: Numbers of what is somebody's answer, and so not this handler's.
    """
    messages = [
        message_from_api(message, me=me, sender_type=room.type_of(message["sender_id"]))
        for message in reading.due
        if message["seq"] not in taken
    ]
    # A notification is in the words of somebody who need not be here (Q42): nobody has spoken.
    speakers = {
        message["sender_id"] for message in reading.foreign if message["message_type"] != NOTIFICATION
    }
    return Briefing(
        messages=tuple(message for message in messages if subscription.wants(message, room.chat_type)),
        is_attended=any(room.type_of(speaker) == "human" for speaker in speakers),
        is_sender_unknown=room.is_unsure_of(speakers),
    )


def covering(result: Result, reading: Reading, ledger: Ledger, *, hole_grace: float) -> Result:
    """
    The result with what it covers of the chat.

    Args:
        result: How the run ended.
        reading: What it was about.
        ledger: The turn's.
        hole_grace: Seconds that a number which was drawn may take to appear.
    """
    holes = still_open(
        reading.delivery.holes,
        ledger.missing_seqs(),
        seen=ledger.seen_seqs,
        read_at=reading.read_at,
        grace=hole_grace,
    )
    match result:
        case Returned():
            if holes == result.move.holes:
                return result
            return dataclasses.replace(result, move=dataclasses.replace(result.move, holes=holes))
        case Failed() | Unanswered():
            is_nonsense = isinstance(result, Failed) and result.is_nonsense
            late = tuple(hole for hole in reading.delivery.holes if hole.seq in ledger.seen_seqs)
            read_seq = reading.history[-1]["seq"] if reading.history and is_nonsense else 0
            through_seq = MessageSeq(max(result.move.handled_seq or ledger.through_seq, read_seq))
            if not late and through_seq == ledger.handled_seq:
                return result
            return dataclasses.replace(
                result,
                letter=dataclasses.replace(result.letter, message_ids=ledger.given_ids, late=late),
                move=CursorMove(handled_seq=through_seq, wanted_seq=ledger.wanted_seq, holes=holes),
            )
        case _:
            return result
