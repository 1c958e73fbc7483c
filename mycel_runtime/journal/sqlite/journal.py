"""
The embedded engine: one SQLite file, nothing to install.

Each verb is a handful of named statements (`verbs/queries.sql`, `sqlite/sql/queries.sql`) in one operation of the
`Writer`.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.file_name import JOURNAL_NAME
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.sqlite.file_space import give_back, used_bytes
from mycel_runtime.journal.sqlite.log_link import end_log, require_own_log, restart_log
from mycel_runtime.journal.sqlite.new_file import make_new
from mycel_runtime.journal.sqlite.schema import prepare
from mycel_runtime.journal.sqlite.writer import REST_SECONDS, Writer
from mycel_runtime.journal.verbs.journal import SqlJournal
from mycel_runtime.journal.verbs.running_lanes import RunningLanes
from mycel_runtime.journal.verbs.state import new_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.wire.ids import UserId

KEPT_TURNS: Final = 10_000
"""As `[journal] kept_turns` by default."""


class SqliteJournal(SqlJournal):
    """
    The journal in `state_dir/journal.sqlite3`, locked with its directory.

    Args:
        state_dir: Exists, on a local file system.
        on_lock: Told, in another thread, that somebody else holds the write lock; then, for how many seconds it did.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        kept_turns: How many turns the log keeps, give or take a few; 0: there is none.
        clock: Epoch seconds; the store's, for all that is written and due. It is read in the writer's thread, too.
        writer: Which writes the file.
        rest_seconds: Without a verb, until the file is closed; the lock is kept, and the next verb opens it again.
    """

    _writer: Writer

    def __init__(
        self,
        state_dir: Path,
        *,
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int = KEPT_TURNS,
        clock: Callable[[], float] = time.time,
        writer: type[Writer] = Writer,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._kept_turns = kept_turns
        self._clock = clock
        self._path = state_dir / JOURNAL_NAME
        self._lock = DirectoryLock(state_dir)
        self._recovered: set[UserId] = set()
        self._leases: dict[UserId, Lease | None] = {}
        self._running_lanes = RunningLanes()
        self._snapshot_changes = 0
        self._wakers: list[Waker] = []
        self._writer = writer(
            self._path,
            lambda connection: prepare(connection, self._path),
            make=make_new,
            inspect=lambda: require_own_log(self._path),
            restart_log=restart_log,
            end_log=end_log,
            on_lock=on_lock,
            on_commit=on_commit,
            rest_seconds=rest_seconds,
        )

    def open(self) -> None:
        """
        Lock, open and migrate.

        Raises:
            IdentityHeldError: Another process has this journal open.
            JournalFileError: The file is damaged, no journal, of another version, or without its log.
            JournalError: It cannot be opened.
        """
        self._lock.acquire()
        try:
            self._versions = new_versions()
            self._writer.open()
        except BaseException:
            self._lock.release()
            raise

    @property
    @override
    def is_shared(self) -> bool:
        return False

    @property
    @override
    def is_at_rest(self) -> bool:
        return self._writer.is_at_rest

    @override
    def _give_back(self, connection: Connection) -> int:
        return give_back(connection)

    @override
    def _used_bytes(self, connection: Connection) -> int:
        return used_bytes(connection)

    @override
    def hurry(self) -> None:
        """Nothing: a file is there, or fails at once."""

    @override
    async def close(self) -> None:
        for identity in self._recovered:
            # If that cannot be written, what runs is suspected: that is no harm.
            with contextlib.suppress(JournalError):
                await self.expect_end(identity)
        await self.abandon()

    @override
    async def abandon(self) -> None:
        self._recovered.clear()
        await self._writer.close()
        self._lock.release()
