"""
How a file says that its journal is elsewhere by now.

By another application id, so that every program refuses it, be it older than moves; and by a table that says where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.move import Move
from mycel_runtime.journal.sqlite.log_link import end_log

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from mycel_runtime.journal.sqlite.connection import SqliteConnection

MOVED_ID: Final = 0x4D59434E
"""`MYCN`, in the place of a journal's `MYCL`."""


def mark_moved(connection: SqliteConnection, move: Move) -> None:
    """From now on it is refused; on the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "CREATE TABLE moved (move_id TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,"
        " moved_at REAL NOT NULL) STRICT"
    )
    connection.execute("INSERT INTO moved VALUES (?, ?, ?, ?)", move)
    connection.execute(f"PRAGMA application_id = {MOVED_ID}")
    connection.execute("COMMIT")
    end_log(connection)


def moved_of(connection: sqlite3.Connection) -> Move | None:
    """By what it has left; `None`: it is here."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != MOVED_ID:
        return None
    return Move(*connection.execute("SELECT move_id, source, target, moved_at FROM moved").fetchone())


def require_here(connection: sqlite3.Connection, path: Path) -> None:
    """
    Refuse one whose journal is elsewhere.

    Raises:
        JournalMovedError: It is.
        sqlite3.Error: The file cannot be read.
    """
    if (moved := moved_of(connection)) is not None:
        raise moved.gone(str(path))
