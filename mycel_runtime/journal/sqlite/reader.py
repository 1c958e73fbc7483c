"""
Looks at the embedded engine's file: while no daemon is at work on it, and for a daemon's status.

By a connection that can only read: the daemon may start meanwhile, and the file has one writer. The lock is left
alone, because who held it for a moment would keep the daemon from starting. Nor does it wait for who writes,
as the daemon's own writer may have to.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.changes import StoredItem, StoreSize
from mycel_runtime.journal.own_sends import OwnSends
from mycel_runtime.journal.port.reader import JournalReader
from mycel_runtime.journal.sqlite.reading_connection import reading, traceless
from mycel_runtime.journal.sqlite.schema import recognise
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from mycel_runtime.journal.verbs.letters import letter_of
from mycel_runtime.journal.verbs.skips import work_item_of
from mycel_runtime.journal.verbs.speech import intent_of, own_sends_of
from mycel_runtime.journal.verbs.statistics import summary_of
from mycel_runtime.journal.verbs.timers import timer_of
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from mycel_runtime.journal.backlog import WorkItem
    from mycel_runtime.journal.changes import Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.port.turn_log import TurnLog
    from mycel_runtime.journal.summary import JournalSummary
    from mycel_runtime.journal.verbs.connection import Row

_SINCE: Final = {"stores": 2, "all_items": 2, "timers": 2, "work": 11}
"""Versions before which a journal has nothing of the kind, as one whose daemon has not run since an upgrade."""

_FORMER: Final = {"dead_letters": (11, "dead_letters_before_skips")}
"""Before that version a statement would ask for what is not there yet."""

_OWN_SINCE: Final = 9
"""From that version on sends are forgotten."""


class SqliteReader(JournalReader):
    """
    Of a file that need not be there.

    Args:
        path: Of the journal's file.
        clock: Epoch seconds; the store's.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    @override
    def now(self) -> float:
        return self._clock()

    @override
    def identities(self) -> Sequence[UserId]:
        if not self._path.exists():
            return []
        try:
            with reading(self._path) as connection:
                # A file that was made and never written has no tables.
                if not recognise(connection, self._path):
                    return []
                return [UserId(identity) for (identity,) in connection.run("identities", {})]
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    @override
    def summary(self, identity: UserId) -> JournalSummary:
        try:
            with reading(self._path) as connection:
                return summary_of(connection, identity)
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    @override
    def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        return [work_item_of(row) for row in self._rows("work", identity, {"limit": limit})]

    @override
    def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        return [letter_of(row) for row in self._rows("dead_letters", identity)]

    @override
    def unresolved(self, identity: UserId) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows("unresolved", identity)]

    @override
    def stores(self, identity: UserId) -> Sequence[StoreSize]:
        return [StoreSize(*row) for row in self._rows("stores", identity)]

    @override
    def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        return [StoredItem(*row) for row in self._rows("all_items", identity)]

    @override
    def timers(self, identity: UserId) -> Sequence[Timer]:
        return [timer_of(row) for row in self._rows("timers", identity)]

    @override
    def own_sends(self, identity: UserId, *, chat_id: str) -> OwnSends:
        """Without a trace: it is looked for by `check`, which leaves none."""
        nothing = OwnSends(message_ids=frozenset(), unplaced={})
        if not self._path.exists():
            return nothing
        try:
            with traceless(self._path) as connection:
                if (version := recognise(connection, self._path)) == 0:
                    return nothing
                key = {"identity": identity, "chat_id": chat_id, "after_seq": 0}
                return own_sends_of(connection, key, has_forgotten=version >= _OWN_SINCE)
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    @override
    def turn_log(self, identity: UserId) -> TurnLog:
        return SqliteTurnLog(self._path, identity)

    def _rows(self, name: str, identity: UserId, values: Mapping[str, Any] | None = None) -> list[Row]:
        if not self._path.exists():
            return []
        try:
            with reading(self._path) as connection:
                version = recognise(connection, self._path)
                if version < _SINCE.get(name, 1):
                    return []
                since, former = _FORMER.get(name, (0, name))
                name = former if version < since else name
                return connection.run(name, {"identity": identity, **(values or {})}).fetchall()
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    def _error(self, exc: sqlite3.Error) -> JournalError:
        return JournalError(f"{self._path}: {exc}")
