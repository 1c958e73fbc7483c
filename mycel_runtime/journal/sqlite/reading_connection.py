"""Connections to the journal's file by which nothing can be changed."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mycel_runtime.journal.sqlite.connection import SqliteConnection

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_TIMEOUT_SECONDS: Final = 5.0


def reading(path: Path) -> contextlib.closing[SqliteConnection]:
    """
    One beside whoever writes, or begins to.

    It does not wait for who writes, but for who has locked the whole file. Where there is no log SQLite makes one.
    """
    return _opened(path, "mode=ro")


def traceless(path: Path) -> contextlib.closing[SqliteConnection]:
    """
    One that leaves nothing behind.

    Without a log nobody writes, and an `immutable` file has none made beside it, as `mode=ro` would.
    """
    return _opened(path, "mode=ro" if log_of(path).exists() else "immutable=1")


def log_of(path: Path) -> Path:
    """Where the log (WAL) of a file is."""
    return path.with_name(f"{path.name}-wal")


def _opened(path: Path, how: str) -> contextlib.closing[SqliteConnection]:
    uri = f"file:{quote(str(path))}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, factory=SqliteConnection)
    connection.row_factory = sqlite3.Row
    return contextlib.closing(connection)
