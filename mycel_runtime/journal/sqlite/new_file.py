"""
The file of a new journal, written whole.

SQLite would run the whole schema for each agent of a process, and wait for the disk four times for each thing that it
makes of a file: one that gives space back, one with tables, one with a log. What comes of it is the same for all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.sqlite.connection import SqliteConnection
from mycel_runtime.journal.sqlite.log_link import name_log
from mycel_runtime.journal.sqlite.schema import migrations, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS_AT: Final = 18
_WITH_LOG: Final = b"\x02\x02"
"""Whoever writes and whoever reads the file must know of logs (WAL). Source: sqlite.org/fileformat2.html, 1.3.3."""


def make_new(path: Path) -> None:
    """
    Make a journal's file, if there is none, that has seen every migration; only its owner may read it.

    It is there whole or not at all, whenever the process dies or the power fails. Its name is on the disk together
    with its log's, which SQLite sees to before it commits anything.

    Args:
        path: Of the file. Nobody else makes it: its folder is locked.

    Raises:
        OSError: It cannot be made.
    """
    if path.exists():
        return
    if not hasattr(sqlite3.Connection, "serialize"):
        # Left out of some systems' SQLite; `prepare` makes a journal of an empty file, too.
        path.touch(mode=0o600)
        return
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with _created(draft) as descriptor:
        left = memoryview(_content_of_one())
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    draft.rename(path)


def _content_of_one() -> bytearray:
    """Its log has a number of its own (`log_link.py`); all else is as in any other."""
    with contextlib.closing(
        sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
    ) as connection:
        connection.deserialize(_content(migrations()))
        name_log(connection)
        content = bytearray(connection.serialize())
    content[_FORMATS_AT : _FORMATS_AT + len(_WITH_LOG)] = _WITH_LOG
    return content


@functools.cache
def _content(_migrations: tuple[str, ...]) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, Path(":memory:"))
        return connection.serialize()


@contextlib.contextmanager
def _created(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
