"""
All verbs of an engine that keeps its rows in tables, be they a file's or a server's.

Each verb is a handful of named statements in one operation of the engine's writer, which carries operations out one
after another. So they are written down once: an engine has statements of these names in its own SQL, its writer, and
what it knows of leases and of other processes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.journal.changes import UNCHANGED, EndOutcome, TurnEnd
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.delivery import ChatDelivery, Delivery, UtteranceDelivery
from mycel_runtime.journal.ids import Lane
from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.turns import row_of
from mycel_runtime.journal.verbs.claims import claim_rows, encodable, end_chat_turn, end_turn, key_of
from mycel_runtime.journal.verbs.hearing import HearingVerbs
from mycel_runtime.journal.verbs.letters import LetterVerbs, write_letter
from mycel_runtime.journal.verbs.pauses import PauseVerbs
from mycel_runtime.journal.verbs.questions import QuestionVerbs, is_look, note_said, note_told
from mycel_runtime.journal.verbs.recovery import blame_unless_expected, recover, suspects_of
from mycel_runtime.journal.verbs.retention import RetentionVerbs
from mycel_runtime.journal.verbs.skips import SkipVerbs
from mycel_runtime.journal.verbs.state import StateVerbs, apply_changes, remember
from mycel_runtime.journal.verbs.statistics import StatisticsVerbs
from mycel_runtime.journal.verbs.utterances import UtteranceVerbs, end_utterance
from mycel_runtime.journal.verbs.wake_times import WakeTimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.dead_letter import Letter
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.suspicion import Suspect
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.journal.verbs.connection import Connection, Result, Row
    from mycel_runtime.wire.ids import MessageSeq, UserId

_PRUNING_STEP: Final = 16
"""Turns that are logged until the oldest are looked for; of them four times as many go at once."""


class SqlJournal(
    HearingVerbs,
    UtteranceVerbs,
    QuestionVerbs,
    StateVerbs,
    LetterVerbs,
    PauseVerbs,
    RetentionVerbs,
    SkipVerbs,
    StatisticsVerbs,
):
    """Base of an engine, which opens and closes it."""

    _kept_turns: int
    _recovered: set[UserId]

    @property
    @override
    def snapshot_changes(self) -> int:
        return self._snapshot_changes

    @override
    async def recover(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        def take_over(connection: Connection) -> Sequence[Suspect]:
            values = {"identity": identity, "now": self._clock(), "pause": death_pause}
            self._recover(connection, values)
            connection.run("adopt_pauses", values)
            return suspects_of(connection, identity)

        suspects = await self._writer.submit(take_over)
        self._recovered.add(identity)
        return suspects

    def _recover(self, connection: Connection, values: Mapping[str, Any]) -> None:
        recover(connection, values, blame_unless_expected)

    @override
    async def take_over(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        """Where nobody else writes, there is nothing to take over from anybody."""
        return await self._writer.submit(lambda connection: suspects_of(connection, identity))

    @override
    async def expect_end(self, identity: UserId) -> None:
        await self._change("expect_end", {"identity": identity})

    @override
    async def claim(self, identity: UserId, *, limit: int, lane: Lane | None = None) -> Sequence[Delivery]:
        name, of_lane = ("select_due", {}) if lane is None else ("select_due_of_lane", {"lane": lane})

        def claim(connection: Connection) -> Sequence[Delivery]:
            values = {"identity": identity, "now": self._clock(), "limit": limit}
            rows = _first_of_each_lane(connection.run(name, values | of_lane), limit)
            return claim_rows(connection, rows)

        claimed = await self._writer.commit(claim)
        self._running_lanes.note_claimed(claimed)
        return claimed

    @override
    async def due_lanes(self, identity: UserId, *, limit: int) -> Sequence[Lane]:
        def read(connection: Connection) -> Sequence[Lane]:
            values = {"identity": identity, "now": self._clock(), "limit": limit}
            return [Lane(row["lane"]) for row in connection.run("due_lanes", values)]

        return await self._writer.commit(read)

    @override
    async def claim_suspect(self, identity: UserId) -> Delivery | None:
        def claim(connection: Connection) -> Delivery | None:
            values = {"identity": identity, "now": self._clock()}
            row = connection.run("select_suspects", values).fetchone()
            return None if row is None else claim_rows(connection, [row])[0]

        return await self._writer.commit(claim)

    @override
    async def note_shown(
        self, delivery: MessageDelivery, *, through_seq: MessageSeq | None, message_ids: Sequence[str]
    ) -> None:
        shown = {"shown_seq": through_seq, "shown_ids": json.dumps(list(message_ids))}
        await self._change("note_shown", key_of(delivery) | shown)

    @override
    async def next_due_at(self, identity: UserId, *, after: float) -> float | None:
        def read(connection: Connection) -> float | None:
            values = {"identity": identity, "after_time": after, "parked_at": PARKED_AT}
            found = connection.run("next_due_at", values)
            return connection.later(lambda: _time_of(found.fetchone()))

        return await self._writer.commit(read)

    @override
    async def rewind(self, identity: UserId, *, seconds: float) -> None:
        def write(connection: Connection) -> None:
            values = {"identity": identity, "seconds": seconds, "now": self._clock()}
            connection.run("rewind", values | {"parked_at": PARKED_AT})
            connection.run("rewind_timers", values)

        await self._writer.submit(write)

    @override
    async def anchor(self, identity: UserId, lane: Lane, *, handled_seq: MessageSeq) -> None:
        values = {"identity": identity, "lane": lane, "handled_seq": handled_seq}
        await self._writer.commit(lambda connection: connection.run("anchor", values))

    @override
    async def finish(
        self,
        delivery: Delivery,
        move: CursorMove,
        *,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        version = next(self._versions)
        self._snapshot_changes += bool(changes.told)
        self._running_lanes.note_end(delivery)

        def write(connection: Connection) -> TurnEnd:
            now = self._clock()
            logged = self._log(connection, delivery, record, now)
            if isinstance(delivery, ChatDelivery) and not changes:
                ended = end_chat_turn(connection, delivery, move, now)
                return connection.later(lambda: self._ended(connection, logged, is_ours=ended.rowcount > 0))
            end = self._ended(connection, logged, is_ours=end_turn(connection, delivery, move, now))
            if end.outcome is EndOutcome.LOST:
                return end
            if not isinstance(delivery, ChatDelivery):
                _note_done(connection, delivery, now)
            return TurnEnd(EndOutcome.DONE, apply_changes(connection, delivery, changes, version))

        return await self._end(write, WakeTimes.of_end(move, changes))

    @override
    async def postpone(self, delivery: Delivery, *, after: float, spend: bool, error: str = "") -> bool:
        self._running_lanes.note_end(delivery)
        later = WakeTimes()
        values = {"spent": int(spend), "error": encodable(error) or None} | key_of(delivery)

        def write(connection: Connection) -> bool:
            due_at = self._clock() + after
            if after > 0:
                later.note_due(due_at)
            return connection.run("postpone", values | {"due_at": due_at}).rowcount > 0

        return await self._commit_due(write, later)

    @override
    async def bury(
        self,
        delivery: Delivery,
        letter: Letter,
        move: CursorMove,
        *,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        version = next(self._versions)
        self._snapshot_changes += bool(changes.told)
        self._running_lanes.note_end(delivery)

        def write(connection: Connection) -> TurnEnd:
            now = self._clock()
            if is_look(connection, delivery):
                # The next look finds what this one could not.
                return TurnEnd(
                    EndOutcome.DONE if end_turn(connection, delivery, STAY, now) else EndOutcome.LOST
                )
            logged = self._log(connection, delivery, record, now)
            moved = write_letter(connection, delivery, letter, move, now)
            end = self._ended(connection, logged, is_ours=end_turn(connection, delivery, moved, now))
            if end.outcome is EndOutcome.LOST:
                return end
            connection.run("bury_intents", key_of(delivery) | {"turn": delivery.turn})
            return TurnEnd(EndOutcome.DONE, remember(connection, delivery, changes, version))

        return await self._end(write, WakeTimes.of_end(move, changes))

    def _log(
        self, connection: Connection, delivery: Delivery, record: TurnRecord | None, now: float
    ) -> Result | None:
        """Before the turn ends, whose claim is looked at here as well."""
        if record is None or not self._kept_turns:
            return None
        return connection.run("log_turn", key_of(delivery) | row_of(record) | {"now": now})

    def _ended(self, connection: Connection, logged: Result | None, *, is_ours: bool) -> TurnEnd:
        """How a turn has ended; if it has, the oldest that are logged go, in small steps."""
        if is_ours and logged is not None and logged.rowcount:
            self._prune(connection, logged)
        return TurnEnd(EndOutcome.DONE if is_ours else EndOutcome.LOST)

    def _prune(self, connection: Connection, logged: Result) -> None:
        newest = logged.lastrowid or 0
        if not newest % _PRUNING_STEP:
            bounds = {"through": newest - self._kept_turns, "limit": 4 * _PRUNING_STEP}
            connection.run("prune_turns", bounds)


def _note_done(connection: Connection, delivery: Delivery, now: float) -> None:
    """Of an event, an answer or what was to be said first: nobody needs any more what was kept for it."""
    note_told(connection, delivery)
    if isinstance(delivery, UtteranceDelivery):
        end_utterance(connection, delivery)
        note_said(connection, delivery, now)


def _time_of(row: Row | None) -> float | None:
    return None if row is None or row[0] is None else float(row[0])


def _first_of_each_lane(rows: Iterable[Row], limit: int) -> list[Row]:
    chosen: dict[str, Row] = {}
    for row in rows:
        if len(chosen) >= limit:
            break
        chosen.setdefault(row["lane"], row)
    return list(chosen.values())
