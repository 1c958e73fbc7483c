"""
Claims: a row becomes a delivery that runs, and a turn ends.

Of a claimed delivery every later statement names the claim, so that whoever has lost it changes nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mycel_runtime.journal.changes import TIMER_KIND
from mycel_runtime.journal.delivery import (
    AnswerDelivery,
    ChatDelivery,
    Delivery,
    EventDelivery,
    LetterDelivery,
    UtteranceDelivery,
)
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.hole_text import holes_of, text_of_holes
from mycel_runtime.journal.questions import QUESTION_KIND
from mycel_runtime.journal.suspicion import Suspicion
from mycel_runtime.journal.utterance import UTTERANCE_KIND
from mycel_runtime.journal.verbs.questions import look_on, question_of
from mycel_runtime.journal.verbs.speech import intent_of
from mycel_runtime.journal.verbs.state import fired_of
from mycel_runtime.journal.verbs.utterances import utterance_of
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.verbs.connection import Changed, Connection, Result, Row

_CLAIMED_COLUMNS: Final = (
    "delivery_id",
    "identity",
    "handler",
    "lane",
    "chat_id",
    "turn",
    "attempts",
    "due_at",
)
"""Of every kind of delivery."""


def encodable(text: str) -> str:
    """Half a surrogate pair, which quoted words or the name of a file may hold, escaped: SQLite refuses it."""
    return text.encode(errors="backslashreplace").decode()


def end_turn(connection: Connection, delivery: Delivery, move: CursorMove, now: float) -> bool:
    """End the claimed turn: the cursor moves, or the event's row goes. False: the claim is lost."""
    if isinstance(delivery, ChatDelivery):
        return end_chat_turn(connection, delivery, move, now).rowcount > 0
    if look_on(connection, delivery, now):
        return True
    is_ours = connection.run("finish_once", key_of(delivery)).rowcount > 0
    if is_ours and isinstance(delivery, EventDelivery | UtteranceDelivery | AnswerDelivery):
        lane = {"identity": delivery.identity, "handler": delivery.handler, "lane": delivery.lane}
        connection.run("promote_event", lane)
    return is_ours


def end_chat_turn(connection: Connection, delivery: ChatDelivery, move: CursorMove, now: float) -> Changed:
    """As `end_turn`; no row changed: the claim is lost."""
    cursor = {
        "handled_seq": move.handled_seq,
        "wanted_seq": move.wanted_seq or 0,
        "claimed_seq": delivery.wanted_seq,
        "holes": text_of_holes(move.holes),
        "hole_at": move.hole_at,
        "now": now,
    }
    return connection.run("finish_chat", key_of(delivery) | cursor)


def claim_rows(connection: Connection, rows: Iterable[Row]) -> list[Delivery]:
    """Claim what `select_due` or one like it has selected; with everything that the attempts need."""
    return [_delivery_of(connection, asked) for asked in connection.together(_ask(connection, rows))]


class _Asked(NamedTuple):
    """
    A claim that has been made, and what is read for every one.

    Attributes:
        more: The entry, or of a chat's messages what other handlers know of it.
    """

    row: Row
    intents: Result
    claim: Result
    more: Result


def _ask(connection: Connection, rows: Iterable[Row]) -> Iterator[_Asked]:
    for row in rows:
        values = dict(row)
        yield _Asked(
            row,
            connection.run("intents_of_turn", values),
            connection.run("claim", values),
            connection.run("others_of_chat" if row["entry_id"] is None else "read_entry", values),
        )


def _delivery_of(connection: Connection, asked: _Asked) -> Delivery:
    row = asked.row
    fields = {name: row[name] for name in _CLAIMED_COLUMNS} | {
        "claim": asked.claim.fetchone()[0],
        "intents": tuple(map(intent_of, asked.intents)),
        "suspicion": _suspicion_of(row),
    }
    if row["entry_id"] is not None:
        entry = Entry(*asked.more.fetchone())
        if entry.kind == UTTERANCE_KIND:
            utterance = utterance_of(connection, row["entry_id"])
            return UtteranceDelivery(**fields, entry=entry, entry_id=row["entry_id"], utterance=utterance)
        if entry.kind == QUESTION_KIND:
            return _answer_delivery(connection, row, fields)
        fired = fired_of(connection, row["entry_id"]) if entry.kind == TIMER_KIND else None
        return EventDelivery(**fields, entry=entry, fired=fired, is_revived=bool(row["dead_letter_id"]))
    fields |= {
        "handled_seq": row["handled_seq"],
        "wanted_seq": row["wanted_seq"],
        "lane_is_anchored": bool(row["lane_is_anchored"]),
        "holes": holes_of(row["holes"]),
    }
    others = asked.more.fetchone()
    if row["dead_letter_id"] is None:
        return ChatDelivery(**fields, others_seq=others["others_seq"])
    return LetterDelivery(**fields, **dict(others))


def _answer_delivery(connection: Connection, row: Row, fields: dict[str, Any]) -> AnswerDelivery:
    question = question_of(connection, row["entry_id"])
    others = connection.run("others_of_chat", fields).fetchone()
    delivery = AnswerDelivery(
        **fields,
        handled_seq=None,
        wanted_seq=MessageSeq(0),
        lane_is_anchored=bool(row["lane_is_anchored"]),
        others_seq=others["others_seq"],
        question=question,
        is_revived=row["dead_letter_id"] is not None,
    )
    return delivery.decided(question)


def _suspicion_of(row: Row) -> Suspicion | None:
    if row["suspected_at"] is None:
        return None
    message_ids = tuple(json.loads(row["shown_ids"] or "[]"))
    return Suspicion(deaths=row["deaths"], through_seq=row["shown_seq"], message_ids=message_ids)


def key_of(delivery: Delivery) -> dict[str, Any]:
    """What names a claimed delivery in a statement."""
    return {"delivery_id": delivery.delivery_id, "claim": delivery.claim}
