"""
What a journal holds, while its daemon does not run or has not begun to work.

By a connection that can only read: the daemon may start meanwhile, and the file has one writer. The lock is left
alone, because who held it for a moment would keep the daemon from starting.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.schema import recognise
from mycel_runtime.journal.sqlite import letter_of
from mycel_runtime.journal.sqlite_speech import intent_of
from mycel_runtime.journal.statements import execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mycel_runtime.journal.entries import DeadLetter, Intent

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
