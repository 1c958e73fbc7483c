"""The embedded engine, before anybody has its file open."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.file_name import JOURNAL_NAME
from mycel_runtime.journal.inspection import Inspection
from mycel_runtime.journal.lock import directory_held
from mycel_runtime.journal.port.engine import JournalEngine
from mycel_runtime.journal.sqlite.backup import give_to_owner
from mycel_runtime.journal.sqlite.files import SqliteFiles
from mycel_runtime.journal.sqlite.journal import KEPT_TURNS, SqliteJournal
from mycel_runtime.journal.sqlite.log_link import require_own_log
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.journal.sqlite.reading_connection import traceless
from mycel_runtime.journal.sqlite.schema import recognise
from mycel_runtime.journal.sqlite.statements import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.transfer import Arrival, Departure
    from mycel_runtime.wire.ids import UserId

_LOOK_SECONDS: Final = 5.0
"""For `quick_check`, which reads the whole file."""

_STEPS: Final = 10_000
"""Of SQLite's machine between two looks at the time."""


class SqliteEngine(JournalEngine):
    """
    A file in a state directory.

    Args:
        state_dir: The agent's, on a local file system; it need not be there before something is made in it.
        clock: Epoch seconds; the store's.
    """

    def __init__(self, state_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._path = state_dir / JOURNAL_NAME
        self._files = SqliteFiles(self._path)

    @property
    @override
    def where(self) -> str:
        return str(self._path)

    @property
    @override
    def files(self) -> SqliteFiles:
        return self._files

    @property
    @override
    def reader(self) -> SqliteReader:
        return SqliteReader(self._path, clock=self._clock)

    @override
    def exists(self) -> bool:
        return self._path.exists()

    @override
    def make(self) -> None:
        """Root makes it for the user whose folder it is, as SQLite makes its own files."""
        if self._path.exists():
            return
        try:
            self._path.touch(mode=0o600)
            give_to_owner(self._path)
        except OSError as exc:
            raise JournalError(f"{self._path}: it cannot be made: {exc.strerror}") from exc

    @override
    def inspect(self) -> Inspection | None:
        if not self._path.exists():
            return None
        try:
            require_own_log(self._path)
            with traceless(self._path) as connection:
                version = recognise(connection, self._path)
                damage = _damage(connection)
        except (sqlite3.Error, OSError) as exc:
            raise JournalError(f"{self._path}: {exc}") from exc
        if damage is not None and damage != "ok":
            raise JournalFileError(
                f"is damaged: {damage}",
                where=str(self._path),
                fix="Restore a backup into the state directory.",
            )
        return Inspection(
            version=version,
            newest_version=len(MIGRATIONS),
            size=sum(self._files.sizes().values()),
            was_read_through=damage is not None,
        )

    @override
    @contextlib.asynccontextmanager
    async def opened(
        self,
        *,
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_away: Callable[[str, float], None] = lambda _reason, _seconds: None,
        on_newer: Callable[[int, int], None] = lambda _version, _known: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int = KEPT_TURNS,
    ) -> AsyncIterator[Journal]:
        journal = SqliteJournal(
            self._state_dir, on_lock=on_lock, on_commit=on_commit, kept_turns=kept_turns, clock=self._clock
        )
        self._files.give_lock_to_owner()
        await asyncio.to_thread(journal.open)
        try:
            yield journal
        finally:
            await journal.close()

    @override
    def held(self) -> AbstractAsyncContextManager[None]:
        return directory_held(self._state_dir)

    @override
    def lane_calls(
        self, journal: Journal, identity: UserId, *, concurrency: int, on_restart: Callable[[str], None]
    ) -> None:
        """None: one process at a time has it."""
        return

    @override
    def departure(self, identity: UserId | None) -> AbstractContextManager[Departure]:
        """Of all that is in the file, whoever's."""
        from mycel_runtime.journal.sqlite.transfer import departure  # noqa: PLC0415 - hardly ever wanted

        return departure(self._path)

    @override
    def arrival(self) -> AbstractContextManager[Arrival]:
        from mycel_runtime.journal.sqlite.transfer import arrival  # noqa: PLC0415 - as above

        return arrival(self._path)


def _damage(connection: sqlite3.Connection) -> str | None:
    """What SQLite finds, `ok` if nothing; `None`: it did not get through in time."""
    deadline = time.monotonic() + _LOOK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorname == "SQLITE_INTERRUPT":
            return None
        raise
    finally:
        connection.set_progress_handler(None, 0)
