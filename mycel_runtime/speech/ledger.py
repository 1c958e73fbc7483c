"""
What a turn has been shown and what it has said. Pure.

Kept over all runs of a delivery's handler: its intents by ordinal, the messages that it has seen, and those that it
has not although they are read. `Turn` asks the backend and the journal; what their answers mean is decided here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.intent import Intent, IntentState
from mycel_runtime.speech.caught_up import missing, unseen
from mycel_runtime.speech.reply_ordinals import LAST_WORDS_ORDINAL, ReplyOrdinals
from mycel_runtime.speech.sent import sent_of
from mycel_runtime.wire.ids import MessageId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.journal.delivery import SpokenDelivery
    from mycel_runtime.journal.turns import Said
    from mycel_runtime.speech.draft import Draft
    from mycel_runtime.speech.sent import Sent
    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message

_UNRESOLVED: Final = frozenset({IntentState.INTENDED, IntentState.UNKNOWN})


class Ledger:
    """
    One turn's.

    Attributes:
        handled_seq: The handler's cursor when the delivery was claimed.
        through_seq: Everything up to here was shown to the handler or said by us.
        gap_seq: A send landed here, beyond what was shown (Q28), and nobody has looked yet at what lies between.
        is_unread: The handler is run though the chat was not read: nobody has looked at what is above its cursor.
        shown_seq: The newest of what was shown.
        wanted_seq: Look again so far: a send landed beyond a gap, or something is left unshown.
        ordinals: Of the present run's replies.
        spoken: What the present run has asked to say, in that order, for the log of turns; a list of its own.
    """

    __slots__ = (
        "_chat_id",
        "_delivery",
        "_given_ids",
        "_holes",
        "_intents",
        "_me",
        "_seen_ids",
        "_seen_seqs",
        "_unshown",
        "gap_seq",
        "handled_seq",
        "is_unread",
        "ordinals",
        "shown_seq",
        "spoken",
        "through_seq",
        "wanted_seq",
    )

    def __init__(
        self, delivery: SpokenDelivery, chat_id: ChatId, handled_seq: MessageSeq, *, me: UserId
    ) -> None:
        self._delivery = delivery
        self._chat_id = chat_id
        self._me = me
        self._holes = frozenset(hole.seq for hole in delivery.holes)
        self._intents = {intent.ordinal: intent for intent in delivery.intents}
        self._seen_ids: set[str] = set()
        self._seen_seqs: set[int] = set()
        self._given_ids: dict[MessageId, None] = {}
        self._unshown: list[Message] = []
        self.ordinals = ReplyOrdinals()
        self.spoken: list[Said] = []
        self.handled_seq = handled_seq
        self.through_seq = handled_seq
        self.shown_seq = handled_seq
        self.gap_seq: MessageSeq | None = None
        self.is_unread = False
        self.wanted_seq: MessageSeq | None = None

    @property
    def stored(self) -> tuple[Sent, ...]:
        """What of this turn is stored, in the order of its replies."""
        replies = sorted(self._intents.items())
        return tuple(sent_of(intent) for _, intent in replies if intent.state is IntentState.SENT)

    @property
    def sends(self) -> int:
        """How many messages of this turn are stored."""
        return sum(intent.state is IntentState.SENT for intent in self._intents.values())

    @property
    def seen_ids(self) -> frozenset[str]:
        """Messages that were shown to the handler or are our own."""
        return frozenset(self._seen_ids)

    @property
    def seen_seqs(self) -> frozenset[int]:
        """Numbers that were shown to the handler or are our own."""
        return frozenset(self._seen_seqs)

    @property
    def given_ids(self) -> tuple[MessageId, ...]:
        """What the handler was given of what it was shown: its filters keep the rest from it."""
        return tuple(self._given_ids)

    @property
    def unshown(self) -> Sequence[Message]:
        """Read, so that the server counts them as unread no more, and in the way until the handler is shown them."""
        return tuple(self._unshown)

    @property
    def unresolved(self) -> Sequence[Intent]:
        """Sends of which nobody knows what became of them."""
        return [intent for intent in self._intents.values() if intent.state in _UNRESOLVED]

    def missing_seqs(self) -> list[MessageSeq]:
        """Numbers up to `through_seq` that the history did not show (Q27)."""
        return missing(self._seen_seqs, after=self.handled_seq, through=self.through_seq)

    def begin_run(self) -> None:
        """The handler is run, from its first reply again."""
        self.ordinals = ReplyOrdinals()
        self.spoken = []

    def begin_last_words(self) -> None:
        """The handler has had its last run; what is said now is none of its replies."""
        self.spoken = []
        self.ordinals = ReplyOrdinals(first=LAST_WORDS_ORDINAL)

    def give(self, message_ids: Iterable[MessageId]) -> None:
        """The handler gets these to see."""
        self._given_ids.update(dict.fromkeys(message_ids))

    def show(self, messages: Sequence[Message]) -> None:
        """The handler has these in view; own ones are among them."""
        self._seen_ids.update(message["id"] for message in messages)
        self._seen_seqs.update(message["seq"] for message in messages)
        self._unshown = [message for message in self._unshown if message["id"] not in self._seen_ids]
        self.through_seq = MessageSeq(max([self.through_seq, *(message["seq"] for message in messages)]))
        self.shown_seq = self.through_seq
        if self.gap_seq is not None and self.gap_seq <= self.through_seq:
            self.gap_seq = None

    def note_read(self, messages: Sequence[Message]) -> MessageSeq | None:
        """
        These were read; what of them the handler has not been shown is unshown from now on.

        Returns:
            The newest of that, for the chat's other handlers; `None`: all was shown.
        """
        new = unseen(
            messages, me=self._me, handled_seq=self.handled_seq, seen_ids=self._seen_ids, holes=self._holes
        )
        self._unshown += new
        return MessageSeq(max(message["seq"] for message in new)) if new else None

    def note_unreadable(self) -> None:
        """The chat cannot be read, and the handler is run all the same."""
        self.is_unread = True

    def note_readable(self) -> None:
        """What is above its cursor was read."""
        self.is_unread = False

    def note_gap_read(self) -> None:
        """What lies before a send beyond a gap was read; whether all of it was shown is another matter."""
        self.gap_seq = None

    def close_gap(self, through_seq: MessageSeq) -> None:
        """Nothing unshown lies below this send of ours."""
        self.through_seq = max(self.through_seq, through_seq)

    def leave_unshown(self) -> None:
        """The run goes on without what is new: it is the next turn's."""
        self.wanted_seq = MessageSeq(
            max([self.through_seq + 1, *(message["seq"] for message in self._unshown)])
        )

    def leave_beyond(self, newest: MessageSeq | None) -> None:
        """What was read beyond `through_seq`, up to this number, is the next turn's; `None`: nothing was."""
        self.wanted_seq = newest

    def said(self, ordinal: int) -> Intent | None:
        """The send of an earlier run, unless it certainly came to nothing."""
        intent = self._intents.get(ordinal)
        return None if intent is None or intent.state is IntentState.REFUSED else intent

    def refused(self, ordinal: int) -> Intent | None:
        """The send of an earlier run, if it came to nothing."""
        intent = self._intents.get(ordinal)
        return intent if intent is not None and intent.state is IntentState.REFUSED else None

    def intend(self, draft: Draft, *, now: float) -> Intent:
        """What is about to be said."""
        return Intent(
            delivery_id=self._delivery.delivery_id,
            turn=self._delivery.turn,
            ordinal=draft.ordinal,
            identity=self._me,
            handler=self._delivery.handler,
            chat_id=self._chat_id,
            base_seq=self.through_seq,
            content_hash=draft.content_hash,
            state=IntentState.INTENDED,
            intended_at=now,
            is_unattended=draft.is_unattended,
        )

    def keep(self, intent: Intent) -> None:
        """The journal has it."""
        self._intents[intent.ordinal] = intent

    def record(self, intent: Intent, message: Message) -> tuple[Intent, MessageSeq | None]:
        """
        The send is stored as this message.

        Returns:
            The intent with its outcome; and, if it is not adjacent to what was shown, so that something may lie
            between that no handler knows (Q28), how far the others are to look.
        """
        seq = MessageSeq(message["seq"])
        recorded = dataclasses.replace(
            intent, state=IntentState.SENT, message_id=MessageId(message["id"]), message_seq=seq
        )
        self.keep(recorded)
        self._seen_ids.add(message["id"])
        self._seen_seqs.add(seq)
        if seq > self.through_seq + 1:
            self.gap_seq = self.wanted_seq = seq
            return recorded, seq
        self.through_seq = max(self.through_seq, seq)
        return recorded, None
