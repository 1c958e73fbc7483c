"""
What a journal holds: while no daemon is at work on it, and for a daemon's status.

By a connection that can only read: the daemon may start meanwhile, and the file has one writer. The lock is left
alone, because who held it for a moment would keep the daemon from starting. Nor does it wait for who writes,
as the daemon's own writer may have to.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.changes import StoredItem, StoreSize
from mycel_runtime.journal.hold import Hold
from mycel_runtime.journal.questions import OpenQuestions
from mycel_runtime.journal.schema import recognise
from mycel_runtime.journal.sqlite_letters import letter_of
from mycel_runtime.journal.sqlite_skips import work_item_of
from mycel_runtime.journal.sqlite_speech import intent_of
from mycel_runtime.journal.sqlite_statistics import longest_waiting_of, statistics_of
from mycel_runtime.journal.sqlite_timers import timer_of
from mycel_runtime.journal.statements import MIGRATIONS, execute
from mycel_runtime.journal.summary import (
    LONGEST_WAITING,
    NEXT_TIMERS,
    JournalSummary,
    NextTimer,
    WaitingUtterance,
)
from mycel_runtime.journal.turns import LoggedTurn
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from mycel_runtime.journal.backlog import WorkItem
    from mycel_runtime.journal.changes import Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.intent import Intent

_BUSY_TIMEOUT_SECONDS: Final = 5.0

_SINCE: Final = {"stores": 2, "all_items": 2, "timers": 2, "work": 11}
"""Versions before which a journal has nothing of the kind, as one whose daemon has not run since an upgrade."""

_FORMER: Final = {"dead_letters": (11, "dead_letters_before_skips")}
"""Before that version a statement would ask for what is not there yet."""

_PAGE_TURNS: Final = 500
"""Read at once: who reads for long keeps the daemon's log (WAL) from being copied into the file."""


def read_dead_letters(path: Path) -> Sequence[DeadLetter]:
    """
    All of them, oldest first; none without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [letter_of(row) for row in _rows(path, "dead_letters")]


def read_work(path: Path, limit: int) -> Sequence[WorkItem]:
    """
    What waits, of each identity up to `limit`; nothing without a file.

    Raises:
        JournalFileError: It is no journal, or of another version, be it that no daemon has had it since an upgrade.
        JournalError: It cannot be read.
    """
    return [work_item_of(row) for row in _rows(path, "work", {"limit": limit})]


def read_unresolved(path: Path) -> Sequence[Intent]:
    """
    Sends without a certain outcome, oldest first; none without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [intent_of(row) for row in _rows(path, "unresolved")]


def read_stores(path: Path) -> Sequence[StoreSize]:
    """
    Stores of plugins that hold something; none without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [StoreSize(*row) for row in _rows(path, "stores")]


def read_items(path: Path) -> Sequence[StoredItem]:
    """
    All that plugins remember; nothing without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [StoredItem(*row) for row in _rows(path, "all_items")]


def read_timers(path: Path) -> Sequence[Timer]:
    """
    Timers that are set; none without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [timer_of(row) for row in _rows(path, "timers")]


def read_identities(path: Path) -> Sequence[UserId]:
    """
    Whose work it holds; nobody's without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    if not path.exists():
        return []
    try:
        with _reading(path) as connection:
            recognise(connection, path)
            return [UserId(identity) for (identity,) in execute(connection, "identities", {})]
    except sqlite3.Error as exc:
        raise JournalError(f"{path}: {exc}") from exc


def read_summary(path: Path, identity: UserId) -> JournalSummary:
    """
    What an operator is shown. Does not wait for who writes, but for who has locked the whole file.

    Raises:
        JournalError: It cannot be read.
    """
    try:
        with _reading(path) as connection:
            return JournalSummary(
                statistics=statistics_of(connection, identity),
                longest=longest_waiting_of(connection, identity, LONGEST_WAITING),
                holds=tuple(
                    Hold(**dict(row)) for row in execute(connection, "holds", {"identity": identity})
                ),
                utterances=tuple(
                    WaitingUtterance(*row)
                    for row in execute(connection, "waiting_utterances", {"identity": identity})
                ),
                timers=tuple(
                    NextTimer(*row)
                    for row in execute(
                        connection, "next_timers", {"identity": identity, "limit": NEXT_TIMERS}
                    )
                ),
                questions=_open_questions(connection, identity),
            )
    except sqlite3.Error as exc:
        raise JournalError(f"{path}: {exc}") from exc


class TurnLog:
    """
    The log of turns of one identity, beside its daemon.

    Args:
        path: Of the journal's file.
        identity: Whose.

    Raises:
        JournalFileError: There is no journal, or it has no log yet: it is of an earlier version.
        JournalError: It cannot be read; also raised by each method.
    """

    def __init__(self, path: Path, identity: UserId) -> None:
        self._path = path
        self._identity = identity
        if not path.exists():
            raise JournalFileError(
                "there is no journal", where=str(path), fix="Run the agent first: it logs its turns there."
            )
        try:
            with _reading(path) as connection:
                version = recognise(connection, path)
        except sqlite3.Error as exc:
            raise JournalError(f"{path}: {exc}") from exc
        if version < len(MIGRATIONS):
            raise JournalFileError(
                f"the journal has version {version}, and turns are read from version {len(MIGRATIONS)} on",
                where=str(path),
                fix="Run the agent once: it brings the journal up to date, and logs its turns from then on.",
            )

    def select(
        self,
        *,
        handler: str | None = None,
        chat_id: str | None = None,
        since: float | None = None,
        until: float | None = None,
        last: int | None = None,
    ) -> Sequence[int]:
        """
        Numbers of turns, ascending.

        Args:
            handler: Of this handler only.
            chat_id: Of this chat only.
            since: Ended at this time or later, epoch seconds.
            until: Ended before this time.
            last: The newest of those only.
        """
        chosen = {"handler": handler, "chat_id": chat_id, "since": since, "until": until}
        rows = self._rows("select_turns", chosen | {"limit": -1 if last is None else last})
        return [row["turn_id"] for row in reversed(rows)]

    def handlers(self) -> Sequence[str]:
        """Those that have turns."""
        return [row["handler"] for row in self._rows("turn_handlers", {})]

    def turns(self) -> Iterator[LoggedTurn]:
        """All of them, in the order in which they ended; what is pruned meanwhile is not among them."""
        after_id = 0
        while rows := self._rows("read_turns", {"after_id": after_id, "limit": _PAGE_TURNS}):
            yield from (LoggedTurn(*row) for row in rows)
            after_id = rows[-1]["turn_id"]

    def newest(self, count: int) -> Sequence[LoggedTurn]:
        """
        The last ones, in the order in which they ended.

        Args:
            count: How many at most; at least 1.
        """
        if not (ids := self.select(last=count)):
            return []
        rows = self._rows("read_turns", {"after_id": ids[0] - 1, "limit": count})
        return [LoggedTurn(*row) for row in rows]

    def items(self) -> Sequence[StoredItem]:
        """What plugins remember now."""
        return [StoredItem(*row) for row in self._rows("all_items", {})]

    def _rows(self, name: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        try:
            with _reading(self._path) as connection:
                return execute(connection, name, {"identity": self._identity, **values}).fetchall()
        except sqlite3.Error as exc:
            raise JournalError(f"{self._path}: {exc}") from exc


def _open_questions(connection: sqlite3.Connection, identity: UserId) -> OpenQuestions | None:
    row = execute(connection, "open_questions", {"identity": identity}).fetchone()
    return None if row is None else OpenQuestions(*row)


def _rows(path: Path, name: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
    if not path.exists():
        return []
    try:
        with _reading(path) as connection:
            version = recognise(connection, path)
            if version < _SINCE.get(name, 1):
                return []
            since, former = _FORMER.get(name, (0, name))
            name = former if version < since else name
            identities = execute(connection, "identities", {}).fetchall()
            return [
                row
                for (identity,) in identities
                for row in execute(connection, name, {"identity": identity, **(values or {})}).fetchall()
            ]
    except sqlite3.Error as exc:
        raise JournalError(f"{path}: {exc}") from exc


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path))}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
