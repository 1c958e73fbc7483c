"""
What is committed together: operations, the callers that wait for them, and who is told what.

When one of them fails, each gets a commit of its own, so that the one that fails undoes only itself: that is rare,
and savepoints for all would cost each of them two statements.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.journal.disk_room import translated
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mycel_runtime.journal.job import Job, Outcome
    from mycel_runtime.journal.sqlite.connection import SqliteConnection
    from mycel_runtime.journal.sqlite.log_sync import LogSync

_PRIMARY_CODE: Final = 0xFF
"""Of an extended result code."""


@dataclass(slots=True, frozen=True)
class GroupCommit:
    """
    Commits a group of jobs.

    Attributes:
        connection: To the file.
        begin: Begins a transaction, whoever else holds the write lock.
        log_sync: Of the connection.
        folder: Where the file is.
        tell: Tells callers what became of their operations.
    """

    connection: SqliteConnection
    begin: Callable[[SqliteConnection], None]
    log_sync: LogSync
    folder: Path
    tell: Callable[[Sequence[Outcome]], None]

    def run(self, jobs: Sequence[Job[Any]]) -> None:
        """Commit them together, sync if anybody waits for that, and tell every caller; whoever does not, first."""
        try:
            results = commit_all([job.operation for job in jobs], self.connection, self.begin)
            self.log_sync.note_commit()
        except BaseException as exc:  # noqa: BLE001 - told to the caller; who writes must outlive a full disk
            # A lock has been waited for already, and is none of the operations' fault.
            if len(jobs) > 1 and not is_busy(exc):
                for job in jobs:
                    self.run([job])
            else:
                error = self._translated(exc)
                self.tell([(job, None, error) for job in jobs])
        else:
            done = list(zip(jobs, results, strict=True))
            if ordered := [(job, result, None) for job, result in done if not job.is_durable]:
                self.tell(ordered)
            if durable := [(job, result) for job, result in done if job.is_durable]:
                self._sync(durable)

    def _sync(self, done: Sequence[tuple[Job[Any], Any]]) -> None:
        """Bring them to the disk, and tell who waits for that."""
        error: BaseException | None = None
        try:
            self.log_sync.sync()
        except OSError as exc:
            error = self._translated(exc)
        self.tell([(job, result, error) for job, result in done])

    def _translated(self, exc: BaseException) -> BaseException:
        return translated(exc, "journal", self.folder)


def commit_all(
    operations: Sequence[Callable[[SqliteConnection], Any]],
    connection: SqliteConnection,
    begin: Callable[[SqliteConnection], None],
) -> list[Any]:
    """What the operations have returned, of one transaction; if one of them raises, nothing is stored."""
    try:
        begin(connection)
        results = [operation(connection) for operation in operations]
        connection.execute("COMMIT")
    except BaseException:
        # If that fails too, the next BEGIN does as well: nothing more is stored, and every caller is told.
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        raise
    return results


def is_busy(exc: BaseException) -> bool:
    """Whether somebody else has the file locked."""
    return getattr(exc, "sqlite_errorcode", 0) & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
