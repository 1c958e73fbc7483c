"""Verbs about what waits: listed, and skipped by the operator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.backlog import Skipped, WaitingChat, WorkItem
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.delivery import ChatDelivery, LetterDelivery
from mycel_runtime.journal.hole_text import text_of_holes
from mycel_runtime.journal.verbs.claims import claim_rows, encodable, end_turn, key_of
from mycel_runtime.journal.verbs.questions import is_look
from mycel_runtime.journal.verbs.speech import SpeechVerbs
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.backlog import ReadSpan
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import UserId


class SkipVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        return [work_item_of(row) for row in await self._rows("work", {"identity": identity, "limit": limit})]

    @override
    async def work_item(self, identity: UserId, delivery_id: int) -> WorkItem | None:
        rows = await self._rows("work_item", {"identity": identity, "delivery_id": delivery_id})
        return next(map(work_item_of, rows), None)

    @override
    async def backlog(
        self, identity: UserId, *, chat_id: str | None, after: int, limit: int
    ) -> Sequence[WaitingChat]:
        values = {"identity": identity, "chat_id": chat_id, "after": after, "limit": limit}
        return [WaitingChat(*row) for row in await self._rows("backlog", values)]

    @override
    async def skip(
        self,
        identity: UserId,
        delivery_id: DeliveryId,
        *,
        reason: str,
        read: ReadSpan | None = None,
        skip_id: int | None = None,
    ) -> Skipped | None:
        def write(connection: Connection) -> Skipped | None:
            now = self._clock()
            one = {"identity": identity, "delivery_id": delivery_id}
            row = connection.run("select_one", one).fetchone()
            if row is None or (read is not None and not _is_as_read(connection, row, read)):
                return None
            (delivery,) = claim_rows(connection, [row])
            if is_look(connection, delivery):
                end_turn(connection, delivery, STAY, now)
                return Skipped(delivery=delivery, dead_letter_id=None)
            letter = {"reason": encodable(reason), "now": now, "skip_id": skip_id}
            return Skipped(delivery=delivery, dead_letter_id=_bury(connection, delivery, read, letter, now))

        return await self._make_due(write)


def work_item_of(row: Row) -> WorkItem:
    """A row of the statements `work` and `work_item` as a value."""
    fields = dict(row)
    return WorkItem(
        **fields | {"is_behind": bool(fields["is_behind"]), "is_suspect": bool(fields["is_suspect"])}
    )


def _is_as_read(connection: Connection, row: Row, read: ReadSpan) -> bool:
    """
    Whether the handler is where it was when its chat was read, and has said nothing behind the span.

    What a failed attempt has said would stand in the letter, and be said once more to what is left.
    """
    shown_seq = connection.run("known_seq", {"delivery_id": row["delivery_id"]}).fetchone()["shown_seq"]
    return row["handled_seq"] == read.handled_seq and (shown_seq or 0) <= read.through_seq


class _Cut(NamedTuple):
    """
    What of a chat its letter covers.

    Attributes:
        after_seq: Instead of the cursor, where there is none.
        through_seq: `None`: it has no end.
    """

    move: CursorMove
    after_seq: MessageSeq | None = None
    through_seq: MessageSeq | None = None
    late: Sequence[Hole] = ()


def _bury(
    connection: Connection,
    delivery: Delivery,
    read: ReadSpan | None,
    letter: dict[str, Any],
    now: float,
) -> int:
    """Make it a dead letter in the place of its turn; the letter's number."""
    cut = _cut_of(connection, delivery, read, now)
    covered = {
        "after_seq": cut.after_seq,
        "through_seq": cut.through_seq,
        "late": text_of_holes(cut.late),
        "message_ids": json.dumps([]),
        "trace": "",
        "spent": 0,
        "messages": None if read is None else read.messages,
    }
    number = connection.run("insert_dead_letter", key_of(delivery) | letter | covered).lastrowid
    assert number is not None
    if read is not None and letter["skip_id"] is None:
        connection.run("head_skip", {"dead_letter_id": number})
    end_turn(connection, delivery, cut.move, now)
    connection.run("bury_intents", key_of(delivery) | {"turn": delivery.turn})
    return number


def _cut_of(connection: Connection, delivery: Delivery, read: ReadSpan | None, now: float) -> _Cut:
    match delivery:
        case ChatDelivery() if read is not None:
            # What is looked for still, and what is above, is none of the letter's.
            move = CursorMove(
                handled_seq=read.through_seq,
                wanted_seq=_still_wanted(delivery, read),
                holes=delivery.holes,
                hole_at=now if delivery.holes else None,
            )
            return _Cut(move, after_seq=read.after_seq, through_seq=read.through_seq)
        case ChatDelivery():
            return _known_cut(connection, delivery)
        case LetterDelivery():
            seq = delivery.wanted_seq
            return _Cut(CursorMove(handled_seq=seq), through_seq=seq or None, late=delivery.holes)
        case _:
            return _Cut(STAY)


def _still_wanted(delivery: ChatDelivery, read: ReadSpan) -> MessageSeq | None:
    """A hint without a number is one more than was wanted: what came since the reading is about what came since."""
    wanted_seq: int = max(delivery.wanted_seq, read.newest_seq)
    if delivery.wanted_seq > read.wanted_seq:
        wanted_seq = max(wanted_seq, read.through_seq + 1)
    return MessageSeq(wanted_seq) if wanted_seq > read.through_seq else None


def _known_cut(connection: Connection, delivery: ChatDelivery) -> _Cut:
    """Without reading the chat: as far as it is known to go; else its letter is a wish to look again."""
    handled_seq, told_seq, shown_seq = connection.run("known_seq", key_of(delivery)).fetchone()
    through_seq = MessageSeq(max(handled_seq or 0, told_seq, shown_seq or 0))
    if through_seq > (handled_seq or 0) or delivery.holes:
        wanted_seq = delivery.wanted_seq if delivery.wanted_seq > through_seq else None
        move = CursorMove(handled_seq=through_seq, wanted_seq=wanted_seq)
        return _Cut(move, through_seq=through_seq, late=delivery.holes)
    connection.run("delete_open_letters", key_of(delivery))
    connection.run("give_up_unread", key_of(delivery))
    return _Cut(STAY)
