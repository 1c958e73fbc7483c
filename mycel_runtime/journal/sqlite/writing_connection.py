"""The one connection that writes a journal's file: how it is opened, and what it is set to."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.sqlite.connection import SqliteConnection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUSY_TIMEOUT_MS: Final = 1_000
"""Until it is told that somebody else holds the write lock."""


def make_empty(path: Path) -> None:
    """
    Make a file of which SQLite makes a new one, if there is none; only its owner may read it.

    A file that is there is not opened: closing it again would give up the locks that this process may have on it.

    Raises:
        OSError: It cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)


def writing_connection(
    path: Path,
    make: Callable[[Path], None],
    prepare: Callable[[SqliteConnection], None],
    restart_log: Callable[[SqliteConnection], bool],
) -> SqliteConnection:
    """
    Open a file, which is made if it is not there.

    Args:
        path: The file; it and its log are readable by their owner only, whatever the umask.
        make: As of `Writer`.
        prepare: As of `Writer`.
        restart_log: As of `Writer`.

    Raises:
        sqlite3.Error: It cannot be opened.
        OSError: It cannot be made.
    """
    # SQLite gives the log the mode of the file.
    make(path)
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256, factory=SqliteConnection)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        # Before anything else is read or written, be it a mode: somebody else's file stays as it is.
        prepare(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        # From here on whoever waits for the disk syncs the log: `log_sync.py`. What is copied into the file is synced
        # before and after in any case, here as when the log has grown long.
        connection.execute("PRAGMA synchronous = NORMAL")
        restart_log(connection)
        _close_to_others(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _close_to_others(path: Path) -> None:
    """Take what others may do with the file and its log, if it was made when the umask decided that."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(0o600)
