"""
When the log (WAL) is brought to the disk: for whoever waits for that, and soon in any case.

SQLite appends each commit to its log and, with `synchronous=NORMAL`, syncs it only when it copies it into the file.
So a commit costs no wait, and one sync makes all commits before it durable, in their order.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

SOON_SECONDS: Final = 0.1
"""A commit that nobody waits for is not synced for so long: an answer that comes within takes it along."""

_sync: Final = getattr(os, "fdatasync", os.fsync)
"""As SQLite does; macOS has one of the two."""


class LogSync:
    """
    Knows what is not on the disk yet. Of the thread that owns the connection.

    Args:
        connection: Whose commits they are.
        log: Descriptor of the log.
        soon: Seconds until what nobody waits for is due.
        clock: Seconds, never set back.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        log: int,
        *,
        soon: float = SOON_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._log = log
        self._soon = soon
        self._clock = clock
        self._changes = connection.total_changes
        self._due_at: float | None = None
        self._failure: OSError | None = None

    @property
    def seconds_left(self) -> float | None:
        """Until a sync is due, 0 if it is; `None`: there is nothing to sync, or no use in it."""
        if self._due_at is None or self._failure is not None:
            return None
        return max(0.0, self._due_at - self._clock())

    def note_commit(self) -> None:
        """A transaction has ended; if it has changed anything, that is in the log."""
        changes = self._connection.total_changes
        if changes != self._changes:
            self._changes = changes
            if self._due_at is None:
                self._due_at = self._clock() + self._soon

    def sync(self) -> None:
        """
        Have everything on the disk that is committed.

        Raises:
            OSError: It is not, and never will be by this process: the system may forget what it could not write, and
                say nothing of it next time.
        """
        if self._failure is not None:
            raise self._failure
        if self._due_at is None:
            return
        try:
            _sync(self._log)
        except OSError as exc:
            self._failure = exc
            raise
        self._due_at = None
