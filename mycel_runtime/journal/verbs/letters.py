"""Verbs about dead letters, and what of a chat one covers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import DeadLetter
from mycel_runtime.journal.delivery import (
    AnswerDelivery,
    ChatDelivery,
    EventDelivery,
    LetterDelivery,
    UtteranceDelivery,
)
from mycel_runtime.journal.hole_text import holes_of, text_of_holes
from mycel_runtime.journal.verbs.claims import encodable, key_of
from mycel_runtime.journal.verbs.retention import drop_letter
from mycel_runtime.journal.verbs.speech import SpeechVerbs
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.dead_letter import Letter
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import UserId


class LetterVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        def read(connection: Connection) -> Sequence[DeadLetter]:
            return [letter_of(row) for row in connection.run("dead_letters", {"identity": identity})]

        return await self._writer.commit(read)

    @override
    async def revive(self, identity: UserId, dead_letter_id: int) -> bool:
        def write(connection: Connection) -> bool:
            now, letters = self._clock(), _letters_of(connection, identity, dead_letter_id)
            # All of them, also behind one that has gone meanwhile.
            return sum(_revive(connection, each, now) for each in letters) > 0

        return await self._make_due(write)

    @override
    async def drop(self, identity: UserId, dead_letter_id: int) -> bool:
        def write(connection: Connection) -> bool:
            letters = _letters_of(connection, identity, dead_letter_id)
            return sum(drop_letter(connection, each) for each in letters) > 0

        return await self._make_due(write)


def letter_of(row: Row) -> DeadLetter:
    """A row of the table as a value."""
    fields = dict(row)
    if late := holes_of(fields.pop("holes")):
        fields["after_seq"] = min([fields["after_seq"], *(hole.seq - 1 for hole in late)])
    return DeadLetter(**fields | {"message_ids": tuple(json.loads(fields["message_ids"]))})


def write_letter(
    connection: Connection, delivery: Delivery, letter: Letter, move: CursorMove, now: float
) -> CursorMove:
    """
    Insert a delivery's letter; how the cursor moves with it.

    Args:
        connection: In a transaction.
        delivery: Claimed; if it is not any more, nothing is inserted.
        letter: Why it was given up, and what it was shown.
        move: As the run has it; without a number nothing was read.
        now: Epoch seconds.
    """
    span = _span_of(connection, delivery, letter, move)
    covered = {
        "through_seq": span.move.handled_seq,
        "late": text_of_holes(span.late),
        "message_ids": json.dumps(letter.message_ids),
        "reason": encodable(letter.reason),
        "trace": encodable(letter.trace),
        "now": now,
        "after_seq": None,
        "spent": 1,
        "skip_id": None,
        "messages": None,
    }
    connection.run("insert_dead_letter", key_of(delivery) | covered)
    # Up to 0 is up to nothing.
    return replace(span.move, handled_seq=span.move.handled_seq or None)


def _letters_of(connection: Connection, identity: UserId, dead_letter_id: int) -> list[int]:
    """All of a skip, whose number is the first one's; else the letter itself, if it is the identity's."""
    key = {"identity": identity, "dead_letter_id": dead_letter_id}
    rows = connection.run("letters_of_skip", key).fetchall() or connection.run("own_letter", key).fetchall()
    return [row[0] for row in rows]


def _revive(connection: Connection, dead_letter_id: int, now: float) -> bool:
    key = {"dead_letter_id": dead_letter_id}
    if is_open := connection.run("read_open_letter", key).fetchone():
        connection.run("look_at_chats", (*is_open, now))
        return connection.run("delete_dead_letter", key).rowcount > 0
    revived = connection.run("revive", key | {"now": now}).fetchall()
    if not revived:
        return False
    connection.run("put_in_order", dict(revived[0]))
    connection.run("revive_intents", key | dict(revived[0]))
    connection.run("revive_utterances", key | dict(revived[0]))
    connection.run("delete_dead_letter", key)
    return True


class _Span(NamedTuple):
    """What of a chat a letter covers: from below the cursor, and up to where it moves."""

    move: CursorMove
    late: Sequence[Hole] = ()


def _span_of(connection: Connection, delivery: Delivery, letter: Letter, move: CursorMove) -> _Span:
    match delivery:
        case EventDelivery() | UtteranceDelivery() | AnswerDelivery():
            return _Span(STAY)
        case LetterDelivery():
            return _Span(CursorMove(handled_seq=delivery.wanted_seq), delivery.holes)
        case ChatDelivery() if move.handled_seq is None:
            return _unread_span(connection, delivery, move)
        case ChatDelivery():
            return _Span(move, letter.late)


def _unread_span(connection: Connection, delivery: ChatDelivery, move: CursorMove) -> _Span:
    """
    What a letter covers that nothing was read for.

    What an earlier run of the turn was shown, with what was said on it; what a newcomer was told of. Else it has no
    end: the living chat still has it, and shows it with whatever comes next, so that nobody speaks to it unseen.
    """
    handled_seq, told_seq, shown_seq = connection.run("known_seq", key_of(delivery)).fetchone()
    if handled_seq is None and told_seq:
        return _Span(replace(move, handled_seq=told_seq))
    if delivery.holes or (shown_seq or 0) > (handled_seq or 0):
        through_seq = MessageSeq(max(handled_seq, shown_seq or 0))
        return _Span(replace(move, handled_seq=through_seq, wanted_seq=told_seq), delivery.holes)
    connection.run("delete_open_letters", key_of(delivery))
    connection.run("give_up_unread", key_of(delivery))
    return _Span(move)
