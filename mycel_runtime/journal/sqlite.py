"""
The embedded engine: one SQLite file, nothing to install.

Each verb is a handful of named statements (`sql/queries.sql`) in one operation of the `Writer`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.changes import UNCHANGED, EndOutcome, TurnEnd
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import DeadLetter, Letter
from mycel_runtime.journal.delivery import (
    AnswerDelivery,
    ChatDelivery,
    Delivery,
    EventDelivery,
    LetterDelivery,
    UtteranceDelivery,
)
from mycel_runtime.journal.entry import Mark
from mycel_runtime.journal.hole_text import holes_of, text_of_holes
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.log_link import end_log, require_own_log, restart_log
from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.journal.schema import prepare
from mycel_runtime.journal.sqlite_claims import claim_row, encodable, end_turn, key_of
from mycel_runtime.journal.sqlite_pauses import SqlitePauses
from mycel_runtime.journal.sqlite_questions import (
    SqliteQuestions,
    is_look,
    note_said,
    note_told,
)
from mycel_runtime.journal.sqlite_retention import SqliteRetention, drop_letter
from mycel_runtime.journal.sqlite_skips import SqliteSkips
from mycel_runtime.journal.sqlite_state import SqliteState, apply_changes, remember
from mycel_runtime.journal.sqlite_utterances import SqliteUtterances, end_utterance
from mycel_runtime.journal.statements import execute, execute_rows, values_of
from mycel_runtime.journal.summary import COUNT_LIMIT, LANES_LIMIT, JournalStatistics, Waiting
from mycel_runtime.journal.suspicion import Suspect
from mycel_runtime.journal.turns import row_of
from mycel_runtime.journal.writer import Writer
from mycel_runtime.wire.ids import InboxSeq, MessageSeq

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.journal.batch import Arrival, Batch
    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.journal.work import ChatWork
    from mycel_runtime.wire.ids import ChatId, UserId


KEPT_TURNS: Final = 10_000
"""As `[journal] kept_turns` by default."""

_PRUNING_STEP: Final = 16
"""Turns that are logged until the oldest are looked for; of them four times as many go at once."""


class SqliteJournal(
    SqliteUtterances, SqliteQuestions, SqliteState, SqlitePauses, SqliteRetention, SqliteSkips
):
    """
    The journal in `state_dir/journal.sqlite3`, locked with its directory.

    Args:
        state_dir: Exists, on a local file system.
        on_lock: Told, in another thread, that somebody else holds the write lock; then, for how many seconds it did.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        kept_turns: How many turns the log keeps, give or take a few; 0: there is none.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int = KEPT_TURNS,
    ) -> None:
        self._kept_turns = kept_turns
        self._path = state_dir / "journal.sqlite3"
        self._lock = DirectoryLock(state_dir)
        self._leased: set[UserId] = set()
        self._writer = Writer(
            self._path,
            lambda connection: prepare(connection, self._path),
            restart_log=restart_log,
            end_log=end_log,
            on_lock=on_lock,
            on_commit=on_commit,
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
            require_own_log(self._path)
            self._writer.open()
        except BaseException:
            self._lock.release()
            raise

    @override
    async def lease(self, identity: UserId, *, now: float, death_pause: float = 0.0) -> Sequence[Suspect]:
        def recover(connection: sqlite3.Connection) -> Sequence[Suspect]:
            values = {"identity": identity, "now": now, "pause": death_pause}
            for row in execute(connection, "running", values).fetchall():
                execute(connection, "want_others", values | dict(row) | {"wanted_seq": None})
            if not execute(connection, "forget_end", values).rowcount:
                execute(connection, "count_death", values)
                execute(connection, "suspect", values)
            execute(connection, "recover", values)
            return [Suspect(*row) for row in execute(connection, "suspects", values)]

        suspects = await self._writer.submit(recover)
        self._leased.add(identity)
        return suspects

    @override
    async def expect_end(self, identity: UserId) -> None:
        await self._change("expect_end", {"identity": identity})

    @override
    async def checkpoint(self, identity: UserId) -> Checkpoint | None:
        def read(connection: sqlite3.Connection) -> Checkpoint | None:
            row = execute(connection, "read_checkpoint", {"identity": identity}).fetchone()
            return Checkpoint(**dict(row)) if row else None

        return await self._writer.submit(read)

    @override
    async def marks(self, identity: UserId, *, epoch: int, limit: int) -> Mapping[InboxSeq, Mark]:
        def read(connection: sqlite3.Connection) -> Mapping[InboxSeq, Mark]:
            rows = execute(connection, "read_marks", {"identity": identity, "epoch": epoch, "limit": limit})
            return {InboxSeq(row["seq"]): Mark(fingerprint=row["fingerprint"], ts=row["ts"]) for row in rows}

        return await self._writer.submit(read)

    @override
    async def snapshot(self, identity: UserId) -> Mapping[tuple[str, str], str]:
        def read(connection: sqlite3.Connection) -> Mapping[tuple[str, str], str]:
            rows = execute(connection, "read_snapshot", {"identity": identity})
            return {(row["kind"], row["key"]): row["state"] for row in rows}

        return await self._writer.submit(read)

    @override
    async def noted(self, identity: UserId, *, kind: str, key: str) -> str | None:
        def read(connection: sqlite3.Connection) -> str | None:
            line = {"identity": identity, "kind": kind, "key": key}
            row = execute(connection, "read_change", line).fetchone()
            return None if row is None else str(row["state"])

        return await self._writer.submit(read)

    @override
    async def levels(self, identity: UserId) -> Mapping[ChatId, MessageSeq]:
        def read(connection: sqlite3.Connection) -> Mapping[ChatId, MessageSeq]:
            levels: dict[ChatId, MessageSeq] = {}
            for row in execute(connection, "read_levels", {"identity": identity}):
                levels[row["chat_id"]] = max(row["seq"], levels.get(row["chat_id"], row["seq"]))
            return levels

        return await self._writer.submit(read)

    @override
    async def append(self, batch: Batch, *, now: float) -> int:
        def write(connection: sqlite3.Connection) -> int:
            new = _append_arrivals(connection, batch.arrivals, now)
            _want_chats(connection, batch, now)
            for change in batch.changes:
                name = "delete_change" if change.state is None else "write_change"
                execute(connection, name, {"identity": batch.identity} | values_of(change))
            if batch.checkpoint is not None:
                execute(connection, "write_checkpoint", values_of(batch.checkpoint))
            return new

        return await self._writer.submit(write)

    @override
    async def claim(self, identity: UserId, *, limit: int, now: float) -> Sequence[Delivery]:
        def claim(connection: sqlite3.Connection) -> Sequence[Delivery]:
            rows = _first_of_each_lane(
                execute(connection, "select_due", {"identity": identity, "now": now}), limit
            )
            return [claim_row(connection, row) for row in rows]

        return await self._writer.submit(claim)

    @override
    async def claim_suspect(self, identity: UserId, *, now: float) -> Delivery | None:
        def claim(connection: sqlite3.Connection) -> Delivery | None:
            row = execute(connection, "select_suspects", {"identity": identity, "now": now}).fetchone()
            return None if row is None else claim_row(connection, row)

        return await self._writer.submit(claim)

    @override
    async def note_shown(
        self, delivery: MessageDelivery, *, through_seq: MessageSeq | None, message_ids: Sequence[str]
    ) -> None:
        shown = {"shown_seq": through_seq, "shown_ids": json.dumps(list(message_ids))}
        await self._change("note_shown", key_of(delivery) | shown)

    @override
    async def next_due_at(self, identity: UserId, *, now: float) -> float | None:
        def read(connection: sqlite3.Connection) -> float | None:
            values = {"identity": identity, "now": now, "parked_at": PARKED_AT}
            row = execute(connection, "next_due_at", values).fetchone()
            return None if row is None or row[0] is None else float(row[0])

        return await self._writer.submit(read)

    @override
    async def rewind(self, identity: UserId, *, seconds: float, now: float) -> None:
        values = {"identity": identity, "seconds": seconds, "now": now}

        def write(connection: sqlite3.Connection) -> None:
            execute(connection, "rewind", values | {"parked_at": PARKED_AT})
            execute(connection, "rewind_timers", values)

        await self._writer.submit(write)

    @override
    async def anchor(self, identity: UserId, lane: Lane, *, handled_seq: MessageSeq) -> None:
        await self._change("anchor", {"identity": identity, "lane": lane, "handled_seq": handled_seq})

    @override
    async def finish(
        self,
        delivery: Delivery,
        move: CursorMove,
        *,
        now: float,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        def write(connection: sqlite3.Connection) -> TurnEnd:
            self._log(connection, delivery, record, now)
            if not end_turn(connection, delivery, move, now):
                return TurnEnd(EndOutcome.LOST)
            note_told(connection, delivery)
            if isinstance(delivery, UtteranceDelivery):
                end_utterance(connection, delivery)
                note_said(connection, delivery, now)
            return TurnEnd(EndOutcome.DONE, apply_changes(connection, delivery, changes))

        return await self._end(write)

    @override
    async def postpone(self, delivery: Delivery, *, due_at: float, spend: bool, error: str = "") -> bool:
        values = {"due_at": due_at, "spent": int(spend), "error": encodable(error) or None}
        return await self._change("postpone", key_of(delivery) | values)

    @override
    async def bury(
        self,
        delivery: Delivery,
        letter: Letter,
        move: CursorMove,
        *,
        now: float,
        changes: Changes = UNCHANGED,
        record: TurnRecord | None = None,
    ) -> TurnEnd:
        def write(connection: sqlite3.Connection) -> TurnEnd:
            if is_look(connection, delivery):
                # The next look finds what this one could not.
                return TurnEnd(
                    EndOutcome.DONE if end_turn(connection, delivery, STAY, now) else EndOutcome.LOST
                )
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
            self._log(connection, delivery, record, now)
            execute(connection, "insert_dead_letter", key_of(delivery) | covered)
            # Up to 0 is up to nothing.
            moved = replace(span.move, handled_seq=span.move.handled_seq or None)
            if not end_turn(connection, delivery, moved, now):
                return TurnEnd(EndOutcome.LOST)
            execute(connection, "bury_intents", key_of(delivery) | {"turn": delivery.turn})
            return TurnEnd(EndOutcome.DONE, remember(connection, delivery, changes))

        return await self._end(write)

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
    async def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        def read(connection: sqlite3.Connection) -> Sequence[DeadLetter]:
            return [letter_of(row) for row in execute(connection, "dead_letters", {"identity": identity})]

        return await self._writer.submit(read)

    @override
    async def revive(self, dead_letter_id: int, *, now: float) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            letters = _letters_of(connection, dead_letter_id)
            # All of them, also behind one that has gone meanwhile.
            return sum(_revive(connection, each, now) for each in letters) > 0

        return await self._writer.submit(write)

    @override
    async def drop(self, dead_letter_id: int) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            letters = _letters_of(connection, dead_letter_id)
            return sum(drop_letter(connection, each) for each in letters) > 0

        return await self._writer.submit(write)

    @override
    async def statistics(self, identity: UserId) -> JournalStatistics:
        return await self._writer.submit(lambda connection: statistics_of(connection, identity))

    @override
    async def oldest_waiting(self, identity: UserId) -> Waiting | None:
        longest = await self._writer.submit(lambda connection: longest_waiting_of(connection, identity, 1))
        return next(iter(longest), None)

    @override
    async def close(self) -> None:
        for identity in self._leased:
            # If that cannot be written, what runs is suspected: that is no harm.
            with contextlib.suppress(JournalError):
                await self.expect_end(identity)
        await self._writer.close()
        self._lock.release()


def _letters_of(connection: sqlite3.Connection, dead_letter_id: int) -> list[int]:
    """All of a skip, whose number is the first one's; else the letter itself."""
    rows = execute(connection, "letters_of_skip", {"dead_letter_id": dead_letter_id}).fetchall()
    return [row[0] for row in rows] or [dead_letter_id]


def _revive(connection: sqlite3.Connection, dead_letter_id: int, now: float) -> bool:
    key = {"dead_letter_id": dead_letter_id}
    if is_open := execute(connection, "read_open_letter", key).fetchone():
        execute(connection, "look_at_chats", (*is_open, now))
        return execute(connection, "delete_dead_letter", key).rowcount > 0
    revived = execute(connection, "revive", key | {"now": now}).fetchall()
    if not revived:
        return False
    execute(connection, "put_in_order", dict(revived[0]))
    execute(connection, "revive_intents", key | dict(revived[0]))
    execute(connection, "revive_utterances", key | dict(revived[0]))
    execute(connection, "delete_dead_letter", key)
    return True


def _append_arrivals(connection: sqlite3.Connection, arrivals: Sequence[Arrival], now: float) -> int:
    """Insert entries in their order, and the event work of the new ones; how many were new."""
    new = 0
    for has_events, run in itertools.groupby(arrivals, lambda arrival: bool(arrival.events)):
        if has_events:
            new += sum(_append_events(connection, arrival, now) for arrival in run)
        else:
            new += execute_rows(connection, "insert_entries", [each.entry for each in run])
    return new


def _append_events(connection: sqlite3.Connection, arrival: Arrival, now: float) -> bool:
    """Insert an entry and its event work; whether it was new."""
    inserted = execute(connection, "insert_entries", arrival.entry)
    if not inserted.rowcount:
        return False
    values = {"identity": arrival.entry.identity, "entry_id": inserted.lastrowid, "now": now}
    for work in arrival.events:
        execute(connection, "insert_event", values | values_of(work))
    return True


def _want_chats(connection: sqlite3.Connection, batch: Batch, now: float) -> None:
    """Raise the levels that a batch raises."""
    highest = _highest_per_chat(batch.hints)
    wanted = [
        (
            batch.identity,
            work.handler,
            work.lane,
            work.chat_id,
            work.after_seq,
            work.after_seq,
            work.wanted_seq,
            work.wanted_seq,
            now,
        )
        for work in highest
        if work.wanted_seq is not None
    ]
    looks = [
        (batch.identity, work.handler, work.lane, work.chat_id, now)
        for work in highest
        if work.wanted_seq is None
    ]
    execute_rows(connection, "want_chats", wanted)
    execute_rows(connection, "look_at_chats", looks)


def _highest_per_chat(hints: Sequence[ChatWork]) -> Collection[ChatWork]:
    """One per handler and chat: levels coalesce."""
    highest: dict[tuple[HandlerId, ChatId], ChatWork] = {}
    for work in hints:
        known = highest.get((work.handler, work.chat_id))
        if known is None or _is_higher(work, known):
            highest[work.handler, work.chat_id] = work
    return highest.values()


def _is_higher(work: ChatWork, known: ChatWork) -> bool:
    """A hint without a number asks for one more look and so outranks any number."""
    if known.wanted_seq is None:
        return False
    return work.wanted_seq is None or work.wanted_seq > known.wanted_seq


class _Span(NamedTuple):
    """What of a chat a letter covers: from below the cursor, and up to where it moves."""

    move: CursorMove
    late: Sequence[Hole] = ()


def _span_of(connection: sqlite3.Connection, delivery: Delivery, letter: Letter, move: CursorMove) -> _Span:
    match delivery:
        case EventDelivery() | UtteranceDelivery() | AnswerDelivery():
            return _Span(STAY)
        case LetterDelivery():
            return _Span(CursorMove(handled_seq=delivery.wanted_seq), delivery.holes)
        case ChatDelivery() if move.handled_seq is None:
            return _unread_span(connection, delivery, move)
        case ChatDelivery():
            return _Span(move, letter.late)


def _unread_span(connection: sqlite3.Connection, delivery: ChatDelivery, move: CursorMove) -> _Span:
    """
    What a letter covers that nothing was read for.

    What an earlier run of the turn was shown, with what was said on it; what a newcomer was told of. Else it has no
    end: the living chat still has it, and shows it with whatever comes next, so that nobody speaks to it unseen.
    """
    handled_seq, told_seq, shown_seq = execute(connection, "known_seq", key_of(delivery)).fetchone()
    if handled_seq is None and told_seq:
        return _Span(replace(move, handled_seq=told_seq))
    if delivery.holes or (shown_seq or 0) > (handled_seq or 0):
        through_seq = MessageSeq(max(handled_seq, shown_seq or 0))
        return _Span(replace(move, handled_seq=through_seq, wanted_seq=told_seq), delivery.holes)
    execute(connection, "delete_open_letters", key_of(delivery))
    execute(connection, "give_up_unread", key_of(delivery))
    return _Span(move)


def _first_of_each_lane(rows: Iterable[sqlite3.Row], limit: int) -> list[sqlite3.Row]:
    chosen: dict[str, sqlite3.Row] = {}
    for row in rows:
        if len(chosen) >= limit:
            break
        chosen.setdefault(row["lane"], row)
    return list(chosen.values())


def statistics_of(connection: sqlite3.Connection, identity: UserId) -> JournalStatistics:
    """Counts of what is there."""
    values = {"identity": identity, "most": COUNT_LIMIT, "most_lanes": LANES_LIMIT}
    fields = dict(execute(connection, "statistics", values).fetchone())
    if fields["oldest_due_at"] is not None and fields["oldest_due_at"] >= PARKED_AT:
        fields["oldest_due_at"] = None
    return JournalStatistics(**fields)


def longest_waiting_of(connection: sqlite3.Connection, identity: UserId, limit: int) -> tuple[Waiting, ...]:
    """What has waited longest, first."""
    rows = execute(connection, "longest_waiting", {"identity": identity, "limit": limit})
    return tuple(Waiting(**dict(row)) for row in rows)


def letter_of(row: sqlite3.Row) -> DeadLetter:
    """A row of the table as a value."""
    fields = dict(row)
    if late := holes_of(fields.pop("holes")):
        fields["after_seq"] = min([fields["after_seq"], *(hole.seq - 1 for hole in late)])
    return DeadLetter(**fields | {"message_ids": tuple(json.loads(fields["message_ids"]))})
