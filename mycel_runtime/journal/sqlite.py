"""
The embedded engine: one SQLite file, nothing to install.

Each verb is a handful of named statements (`sql/queries.sql`) in one operation of the `Writer`.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.changes import UNCHANGED, EndOutcome, TurnEnd
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.delivery import (
    Delivery,
    UtteranceDelivery,
)
from mycel_runtime.journal.file_name import JOURNAL_NAME
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.log_link import end_log, require_own_log, restart_log
from mycel_runtime.journal.new_file import make_new
from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.running_lanes import RunningLanes
from mycel_runtime.journal.schema import prepare
from mycel_runtime.journal.sqlite_claims import claim_row, encodable, end_turn, key_of
from mycel_runtime.journal.sqlite_hearing import SqliteHearing
from mycel_runtime.journal.sqlite_letters import SqliteLetters, write_letter
from mycel_runtime.journal.sqlite_pauses import SqlitePauses
from mycel_runtime.journal.sqlite_questions import (
    SqliteQuestions,
    is_look,
    note_said,
    note_told,
)
from mycel_runtime.journal.sqlite_retention import SqliteRetention
from mycel_runtime.journal.sqlite_skips import SqliteSkips
from mycel_runtime.journal.sqlite_state import SqliteState, apply_changes, new_versions, remember
from mycel_runtime.journal.sqlite_statistics import SqliteStatistics
from mycel_runtime.journal.sqlite_utterances import SqliteUtterances, end_utterance
from mycel_runtime.journal.statements import execute
from mycel_runtime.journal.suspicion import Suspect
from mycel_runtime.journal.turns import row_of
from mycel_runtime.journal.wake_times import WakeTimes
from mycel_runtime.journal.writer import REST_SECONDS, Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.dead_letter import Letter
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.ids import Lane
    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.wire.ids import MessageSeq, UserId


KEPT_TURNS: Final = 10_000
"""As `[journal] kept_turns` by default."""

_PRUNING_STEP: Final = 16
"""Turns that are logged until the oldest are looked for; of them four times as many go at once."""


class SqliteJournal(
    SqliteHearing,
    SqliteUtterances,
    SqliteQuestions,
    SqliteState,
    SqliteLetters,
    SqlitePauses,
    SqliteRetention,
    SqliteSkips,
    SqliteStatistics,
):
    """
    The journal in `state_dir/journal.sqlite3`, locked with its directory.

    Args:
        state_dir: Exists, on a local file system.
        on_lock: Told, in another thread, that somebody else holds the write lock; then, for how many seconds it did.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        kept_turns: How many turns the log keeps, give or take a few; 0: there is none.
        clock: Epoch seconds; the store's, for all that is written and due. It is read in the writer's thread, too.
        writer: Which writes the file.
        rest_seconds: Without a verb, until the file is closed; the lock is kept, and the next verb opens it again.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int = KEPT_TURNS,
        clock: Callable[[], float] = time.time,
        writer: type[Writer] = Writer,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._kept_turns = kept_turns
        self._clock = clock
        self._path = state_dir / JOURNAL_NAME
        self._lock = DirectoryLock(state_dir)
        self._recovered: set[UserId] = set()
        self._leases: dict[UserId, Lease | None] = {}
        self._running_lanes = RunningLanes()
        self._snapshot_changes = 0
        self._wakers: list[Waker] = []
        self._writer = writer(
            self._path,
            lambda connection: prepare(connection, self._path),
            make=make_new,
            inspect=lambda: require_own_log(self._path),
            restart_log=restart_log,
            end_log=end_log,
            on_lock=on_lock,
            on_commit=on_commit,
            rest_seconds=rest_seconds,
        )

    def open(self) -> None:
        """
        Lock, open and migrate.

        Raises:
            IdentityHeldError: Another process has this journal open.
            JournalFileError: The file is damaged, no journal, of another version, or without its log.
            JournalError: It cannot be opened.
        """
        self._lock.acquire()
        try:
            self._versions = new_versions()
            self._writer.open()
        except BaseException:
            self._lock.release()
            raise

    @property
    @override
    def is_at_rest(self) -> bool:
        return self._writer.is_at_rest

    @property
    @override
    def snapshot_changes(self) -> int:
        return self._snapshot_changes

    @override
    async def recover(self, identity: UserId, *, death_pause: float = 0.0) -> Sequence[Suspect]:
        def take_over(connection: sqlite3.Connection) -> Sequence[Suspect]:
            values = {"identity": identity, "now": self._clock(), "pause": death_pause}
            for row in execute(connection, "running", values).fetchall():
                execute(connection, "want_others", values | dict(row) | {"wanted_seq": None})
            if not execute(connection, "forget_end", values).rowcount:
                execute(connection, "count_death", values)
                execute(connection, "suspect", values)
            execute(connection, "recover", values)
            execute(connection, "adopt_pauses", values)
            return [Suspect(*row) for row in execute(connection, "suspects", values)]

        suspects = await self._writer.submit(take_over)
        self._recovered.add(identity)
        return suspects

    @override
    async def expect_end(self, identity: UserId) -> None:
        await self._change("expect_end", {"identity": identity})

    @override
    async def claim(self, identity: UserId, *, limit: int) -> Sequence[Delivery]:
        def claim(connection: sqlite3.Connection) -> Sequence[Delivery]:
            rows = _first_of_each_lane(
                execute(connection, "select_due", {"identity": identity, "now": self._clock()}), limit
            )
            return [claim_row(connection, row) for row in rows]

        claimed = await self._writer.commit(claim)
        self._running_lanes.note_claimed(claimed)
        return claimed

    @override
    async def claim_suspect(self, identity: UserId) -> Delivery | None:
        def claim(connection: sqlite3.Connection) -> Delivery | None:
            values = {"identity": identity, "now": self._clock()}
            row = execute(connection, "select_suspects", values).fetchone()
            return None if row is None else claim_row(connection, row)

        return await self._writer.commit(claim)

    @override
    async def note_shown(
        self, delivery: MessageDelivery, *, through_seq: MessageSeq | None, message_ids: Sequence[str]
    ) -> None:
        shown = {"shown_seq": through_seq, "shown_ids": json.dumps(list(message_ids))}
        await self._change("note_shown", key_of(delivery) | shown)

    @override
    async def next_due_at(self, identity: UserId, *, after: float) -> float | None:
        def read(connection: sqlite3.Connection) -> float | None:
            values = {"identity": identity, "after": after, "parked_at": PARKED_AT}
            row = execute(connection, "next_due_at", values).fetchone()
            return None if row is None or row[0] is None else float(row[0])

        return await self._writer.commit(read)

    @override
    async def rewind(self, identity: UserId, *, seconds: float) -> None:
        def write(connection: sqlite3.Connection) -> None:
            values = {"identity": identity, "seconds": seconds, "now": self._clock()}
            execute(connection, "rewind", values | {"parked_at": PARKED_AT})
            execute(connection, "rewind_timers", values)

        await self._writer.submit(write)

    @override
    async def anchor(self, identity: UserId, lane: Lane, *, handled_seq: MessageSeq) -> None:
        values = {"identity": identity, "lane": lane, "handled_seq": handled_seq}
        await self._writer.commit(lambda connection: execute(connection, "anchor", values))

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

        def write(connection: sqlite3.Connection) -> TurnEnd:
            now = self._clock()
            self._log(connection, delivery, record, now)
            if not end_turn(connection, delivery, move, now):
                return TurnEnd(EndOutcome.LOST)
            note_told(connection, delivery)
            if isinstance(delivery, UtteranceDelivery):
                end_utterance(connection, delivery)
                note_said(connection, delivery, now)
            return TurnEnd(EndOutcome.DONE, apply_changes(connection, delivery, changes, version))

        return await self._end(write, WakeTimes.of_end(move, changes))

    @override
    async def postpone(self, delivery: Delivery, *, after: float, spend: bool, error: str = "") -> bool:
        self._running_lanes.note_end(delivery)
        later = WakeTimes()
        values = {"spent": int(spend), "error": encodable(error) or None} | key_of(delivery)

        def write(connection: sqlite3.Connection) -> bool:
            due_at = self._clock() + after
            if after > 0:
                later.note_due(due_at)
            return execute(connection, "postpone", values | {"due_at": due_at}).rowcount > 0

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

        def write(connection: sqlite3.Connection) -> TurnEnd:
            now = self._clock()
            if is_look(connection, delivery):
                # The next look finds what this one could not.
                return TurnEnd(
                    EndOutcome.DONE if end_turn(connection, delivery, STAY, now) else EndOutcome.LOST
                )
            self._log(connection, delivery, record, now)
            moved = write_letter(connection, delivery, letter, move, now)
            if not end_turn(connection, delivery, moved, now):
                return TurnEnd(EndOutcome.LOST)
            execute(connection, "bury_intents", key_of(delivery) | {"turn": delivery.turn})
            return TurnEnd(EndOutcome.DONE, remember(connection, delivery, changes, version))

        return await self._end(write, WakeTimes.of_end(move, changes))

    def _log(
        self, connection: sqlite3.Connection, delivery: Delivery, record: TurnRecord | None, now: float
    ) -> None:
        """Before the turn ends, whose claim is looked at here as well; the oldest go in small steps."""
        if record is None or not self._kept_turns:
            return
        logged = execute(connection, "log_turn", key_of(delivery) | row_of(record) | {"now": now})
        newest = logged.lastrowid or 0
        if logged.rowcount and not newest % _PRUNING_STEP:
            bounds = {"through": newest - self._kept_turns, "limit": 4 * _PRUNING_STEP}
            execute(connection, "prune_turns", bounds)

    @override
    async def close(self) -> None:
        for identity in self._recovered:
            # If that cannot be written, what runs is suspected: that is no harm.
            with contextlib.suppress(JournalError):
                await self.expect_end(identity)
        await self.abandon()

    @override
    async def abandon(self) -> None:
        self._recovered.clear()
        await self._writer.close()
        self._lock.release()


def _first_of_each_lane(rows: Iterable[sqlite3.Row], limit: int) -> list[sqlite3.Row]:
    chosen: dict[str, sqlite3.Row] = {}
    for row in rows:
        if len(chosen) >= limit:
            break
        chosen.setdefault(row["lane"], row)
    return list(chosen.values())
