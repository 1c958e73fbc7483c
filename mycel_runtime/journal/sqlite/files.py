"""What only an engine in a file can do: copies of it, its size, and who has locked it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import IdentityHeldError
from mycel_runtime.journal.lock import FILE_NAME, DirectoryLock
from mycel_runtime.journal.port.engine import JournalFiles
from mycel_runtime.journal.sqlite.backup import back_up, give_to_owner, hashed
from mycel_runtime.journal.sqlite.log_link import require_own_log
from mycel_runtime.journal.sqlite.reading_connection import log_of
from mycel_runtime.journal.sqlite.restore import restore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.journal.manifest import Manifest
    from mycel_runtime.journal.restored import Restored


class SqliteFiles(JournalFiles):
    """
    Of one state directory.

    Args:
        path: Of the journal's file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    @override
    def folder(self) -> Path:
        return self._path.parent

    @property
    @override
    def locked(self) -> Sequence[Path]:
        return (self.folder / FILE_NAME, self.folder)

    @override
    def sizes(self) -> Mapping[str, int]:
        return {"journal": _size_of(self._path), "log": _size_of(log_of(self._path))}

    @override
    def back_up(self, target: Path, *, program: str) -> Manifest:
        lock = DirectoryLock(self.folder)
        if self._path.exists():
            self.give_lock_to_owner()
            try:
                lock.acquire()
                require_own_log(self._path)
            except IdentityHeldError:
                pass  # Its daemon is at work, and goes on.
        try:
            return back_up(self._path, target, program=program, now=time.time())
        finally:
            lock.release()

    @override
    def restore(
        self, backup: Path, *, user_id: str | None, is_other_identity: bool, has_rested: bool
    ) -> Restored:
        self.give_lock_to_owner()
        return restore(
            backup,
            self._path,
            identity=hashed(user_id) if user_id else None,
            is_other_identity=is_other_identity,
            has_rested=has_rested,
            now=time.time(),
        )

    def give_lock_to_owner(self) -> None:
        """Make the lock's file before root does, in another user's folder; SQLite minds its own files."""
        lock = self.folder / FILE_NAME
        if not lock.exists() and os.geteuid() == 0:
            lock.touch(mode=0o600)
            give_to_owner(lock)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
