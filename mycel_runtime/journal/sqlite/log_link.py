"""
Ties the journal's file to its log (WAL), so that a copy of the one without the other is known at open.

SQLite itself does not: beside a file that was copied without its log it sees an older one, and into a file that was
put over another one it copies the other one's log, page by page.

Each log begins with its own number and that of the log before it. In the file stands the number of the log that was
last copied into it whole, and that another one follows. So the file alone says that its log is missing, and a log
whose first two numbers are both others than the file's is not its own. What SQLite's own tools copy has seen the log
as well, and says that nothing follows.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.sqlite.connection import SqliteConnection

if TYPE_CHECKING:
    from pathlib import Path

_NUMBERS: Final = 2**62


class _Link(NamedTuple):
    log_id: int
    after_id: int
    is_followed: int


def require_own_log(path: Path) -> None:
    """
    Refuse a file that is without its log, or beside another one's; nothing of either is changed.

    Args:
        path: Of the file; it need not be there.

    Raises:
        JournalFileError: It is such a file.
    """
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if not path.exists() or path.stat().st_size == 0:
        if has_log:
            raise _refused(
                path, "it is empty, but its log is beside it", "Put the file back, or move its log away."
            )
        return
    alone = _read(path, "immutable=1")
    if alone is None:
        return
    if not has_log:
        if alone.is_followed and not log.exists():
            raise _refused(
                path,
                f"it was copied without its log ({log.name}): what happened last is missing",
                f"Put {log.name} from the same moment beside it, or use a copy that was made with the daemon"
                " stopped or by sqlite3's .backup.",
            )
        return
    together = _read(path, "mode=ro")
    if together is not None and alone.log_id not in (together.log_id, together.after_id):
        raise _refused(
            path,
            f"the log beside it ({log.name}) is another file's",
            f"If this file is a whole copy, move {log.name} and {path.name}-shm away; else put the file back to"
            " which the log belongs.",
        )


def name_log(connection: SqliteConnection) -> None:
    """Give the log of a new file a number; it follows none."""
    connection.run("name_log", {"log_id": secrets.randbelow(_NUMBERS)})


def restart_log(connection: SqliteConnection) -> bool:
    """
    Copy the log into the file and begin a new one; outside of a transaction.

    Returns:
        Whether that was possible: somebody who reads the old log keeps it, and it goes on.
    """
    connection.run("follow_log", {"is_followed": 1})
    is_restarted = False
    try:
        is_restarted = not connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]
    finally:
        if is_restarted:
            connection.run("begin_log", {"log_id": secrets.randbelow(_NUMBERS)})
        else:
            connection.run("follow_log", {"is_followed": 0})
    return is_restarted


def end_log(connection: SqliteConnection) -> None:
    """Copy the log into the file, and let none follow."""
    connection.run("follow_log", {"is_followed": 0})
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _read(path: Path, how: str) -> _Link | None:
    """`None`: it cannot be read by itself, be it that its log is to mend it, or is no journal."""
    uri = f"file:{quote(str(path))}?{how}"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(uri, uri=True, factory=SqliteConnection)) as connection,
    ):
        return _Link(*connection.run("read_log_link", {}).fetchone())
    return None


def _refused(path: Path, problem: str, fix: str) -> JournalFileError:
    return JournalFileError(problem, where=str(path), fix=fix)
