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

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.changes import StoredItem, StoreSize
from mycel_runtime.journal.entries import Hold, JournalSummary
from mycel_runtime.journal.schema import recognise
from mycel_runtime.journal.sqlite import letter_of, oldest_waiting_of, statistics_of
from mycel_runtime.journal.sqlite_speech import intent_of
from mycel_runtime.journal.sqlite_state import timer_of
from mycel_runtime.journal.statements import execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mycel_runtime.journal.changes import Timer
    from mycel_runtime.journal.entries import DeadLetter, Intent
    from mycel_runtime.wire.ids import UserId

_BUSY_TIMEOUT_SECONDS: Final = 5.0


def read_dead_letters(path: Path) -> Sequence[DeadLetter]:
    """
    All of them, oldest first; none without a file.

    Raises:
        JournalFileError: It is no journal, or of another version.
        JournalError: It cannot be read.
    """
    return [letter_of(row) for row in _rows(path, "dead_letters")]


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
                oldest=oldest_waiting_of(connection, identity),
                holds=tuple(
                    Hold(**dict(row)) for row in execute(connection, "holds", {"identity": identity})
                ),
            )
    except sqlite3.Error as exc:
        raise JournalError(f"{path}: {exc}") from exc


def _rows(path: Path, name: str) -> list[sqlite3.Row]:
    if not path.exists():
        return []
    try:
        with _reading(path) as connection:
            if not recognise(connection, path):
                return []
            identities = execute(connection, "identities", {}).fetchall()
            return [
                row
                for (identity,) in identities
                for row in execute(connection, name, {"identity": identity}).fetchall()
            ]
    except sqlite3.Error as exc:
        raise JournalError(f"{path}: {exc}") from exc


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path))}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
