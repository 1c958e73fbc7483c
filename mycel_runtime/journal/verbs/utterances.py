"""Verbs about what is said first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.journal.cursor import ChatCursor
from mycel_runtime.journal.hole_text import holes_of
from mycel_runtime.journal.utterance import UTTERANCE_KIND, Spoken, SpokenState, Utterance
from mycel_runtime.journal.verbs.made_entry import insert_made_entry
from mycel_runtime.journal.verbs.questions import ask, note_utterance
from mycel_runtime.journal.verbs.speech import NEVER, SpeechVerbs
from mycel_runtime.journal.verbs.values_of import values_of
from mycel_runtime.journal.verbs.wake_times import WakeTimes
from mycel_runtime.journal.work import EventWork
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.delivery import UtteranceDelivery
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.questions import NewQuestion
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import UserId


class UtteranceVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def utter(self, utterance: Utterance, *, question: NewQuestion | None = None) -> bool:
        later = NEVER if question is None else WakeTimes(timer_at=utterance.made_at + question.seconds)
        return await self._make_due(
            lambda connection: make_utterance(connection, utterance, self._clock(), question=question), later
        )

    @override
    async def spoken(self, utterance: Utterance) -> Spoken | None:
        rows = await self._rows("spoken", values_of(utterance))
        return _spoken_of(rows[0]) if rows else None

    @override
    async def chat_cursors(self, identity: UserId, lane: Lane) -> Mapping[HandlerId, ChatCursor]:
        rows = await self._rows("chat_cursors", {"identity": identity, "lane": lane})
        return {row["handler"]: _cursor_of(row) for row in rows}


def utterance_of(connection: Connection, entry_id: int) -> Utterance:
    """What an entry of `UTTERANCE_KIND` is."""
    fields = dict(connection.run("read_utterance", {"entry_id": entry_id}).fetchone())
    return Utterance(**fields | {"mentions": tuple(json.loads(fields["mentions"]))})


def end_utterance(connection: Connection, delivery: UtteranceDelivery) -> None:
    """Its delivery has finished: the words go, and what became of them stays."""
    ended = {"entry_id": delivery.entry_id, "delivery_id": delivery.delivery_id, "turn": delivery.turn}
    connection.run("end_utterance", ended)


def _spoken_of(row: Row) -> Spoken:
    if row["said_seq"] is not None:
        return Spoken(SpokenState.SAID, seq=MessageSeq(row["said_seq"]), message_id=row["message_id"])
    if row["reason"] is not None:
        return Spoken(SpokenState.BURIED, reason=row["reason"])
    return Spoken(SpokenState.WAITING if row["is_kept"] else SpokenState.UNSAID)


def _cursor_of(row: Row) -> ChatCursor:
    return ChatCursor(
        handled_seq=row["handled_seq"],
        start_seq=row["start_seq"],
        wanted_seq=row["wanted_seq"],
        given_up_seq=row["given_up_seq"],
        holes=holes_of(row["holes"]),
    )


def make_utterance(
    connection: Connection,
    utterance: Utterance,
    now: float,
    *,
    question: NewQuestion | None = None,
) -> bool:
    """As `Journal.utter`, within a transaction."""
    values = values_of(utterance) | {"mentions": json.dumps(utterance.mentions)}
    if connection.run("has_utterance", values).fetchone():
        return False
    question_id = None if question is None else ask(connection, utterance, question, now)
    # Without the words: an entry stays.
    entry_id = insert_made_entry(
        connection,
        identity=utterance.identity,
        kind=UTTERANCE_KIND,
        made_at=utterance.made_at,
        told={"utterance": utterance.handler, "chat_id": utterance.chat_id},
        now=now,
    )
    connection.run("insert_utterance", values | {"entry_id": entry_id})
    if question is not None and question_id is not None:
        note_utterance(connection, utterance, question, question_id, entry_id)
    work = EventWork(handler=utterance.handler, lane=utterance.lane, chat_id=utterance.chat_id)
    event = {"identity": utterance.identity, "entry_id": entry_id, "now": now}
    connection.run("insert_event", event | values_of(work))
    return True
