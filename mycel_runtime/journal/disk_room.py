"""
Whether it is room that a file could not be written for: on its disk, or of what its user may take there.

SQLite tells a full disk (ENOSPC) and calls a used-up quota (EDQUOT) an I/O error like that of a broken disk.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import tempfile
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import JournalError, JournalFullError

if TYPE_CHECKING:
    from pathlib import Path

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

PROBE_BYTES: Final = 2**20
"""What opening the journal takes, its log's index and the first commits, with room for a few minutes."""

_UNCERTAIN: Final = ("SQLITE_IOERR", "SQLITE_CANTOPEN")


def lacks_room(folder: Path) -> bool:
    """
    Whether a file of a megabyte can not be made in a folder, for this user, because there is no room.

    Nothing of it is left, and it is not waited for the disk. Blocking. Where a file cannot be made for another
    reason, room is not what is missing.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            _take(probe.fileno())
    except OSError as exc:
        return exc.errno in NO_ROOM
    return False


def journal_error(exc: sqlite3.Error | OSError, problem: str, folder: Path) -> JournalError:
    """
    For a journal, or a copy of it, that cannot be opened or written.

    Args:
        exc: Why, as SQLite or the system says it.
        problem: What is told.
        folder: Where the file is.
    """
    if isinstance(exc, OSError):
        is_full = exc.errno in NO_ROOM
    else:
        name = getattr(exc, "sqlite_errorname", "")
        is_full = name == "SQLITE_FULL" or (name.startswith(_UNCERTAIN) and lacks_room(folder))
    return JournalFullError(problem, where=str(folder)) if is_full else JournalError(problem)


def translated(exc: BaseException, what: str, folder: Path) -> BaseException:
    """
    Every `sqlite3.Error` and `OSError` as a `JournalError` that names it; ours pass through.

    Args:
        exc: What was raised.
        what: Could not be opened or written.
        folder: As of `journal_error`.
    """
    match exc:
        case sqlite3.Error():
            name = getattr(exc, "sqlite_errorname", type(exc).__name__)
            error = journal_error(exc, f"{what}: {name}: {exc}", folder)
        case OSError():
            error = journal_error(exc, f"{what}: {exc.strerror}", folder)
        case _:
            return exc
    error.__cause__ = exc
    return error


def _take(descriptor: int) -> None:
    """Room for the file, without writing it where that can be had."""
    if sys.platform == "linux":
        try:
            os.posix_fallocate(descriptor, 0, PROBE_BYTES)
        except OSError as exc:
            if exc.errno in NO_ROOM:
                raise
        else:
            return
    os.pwrite(descriptor, bytes(PROBE_BYTES), 0)
