"""
One process per state directory.

The lock is on the directory, which cannot be removed while the journal is in it; a file in it names the holder.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import IdentityHeldError
from mycel_runtime.file_lock import FileLock, LockHeldError
from mycel_runtime.journal.disk_room import journal_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FILE_NAME: Final = "journal.lock"


class DirectoryLock:
    """
    The lock of one state directory.

    Args:
        directory: Exists, on a local file system.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._lock = FileLock(self._path, directory=directory)

    def acquire(self) -> None:
        """
        Take it, or fail at once.

        Raises:
            IdentityHeldError: Somebody has it; told by his pid.
            JournalError: The directory or the file cannot be opened.
        """
        try:
            self._lock.acquire()
        except LockHeldError as exc:
            raise IdentityHeldError(str(self._path), exc.holder) from exc
        except OSError as exc:
            problem = f"{exc.filename or self._path}: {exc.strerror}"
            raise journal_error(exc, problem, self._path.parent) from exc

    def release(self) -> None:
        """Give it back; nothing, if it is not held."""
        self._lock.release()


@contextlib.asynccontextmanager
async def directory_held(directory: Path) -> AsyncIterator[None]:
    """
    Have the lock of a state directory until the block ends.

    Raises:
        IdentityHeldError, JournalError: As of `DirectoryLock.acquire`.

    Cancelling: it is given back.
    """
    lock = DirectoryLock(directory)
    await asyncio.to_thread(lock.acquire)
    try:
        yield
    finally:
        lock.release()
