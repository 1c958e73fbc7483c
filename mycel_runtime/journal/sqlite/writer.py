"""
The one thread that owns the SQLite connection.

Callers on the event loop submit operations and await that they are committed, or that they are on the disk. What
comes in one turn of the loop goes to the thread together, because each hand-over costs the loop. While one commit is
being written the next ones gather, and go into the next commit together (`commit_group.py`).

The log is synced once for all commits before (`log_sync.py`), so that what precedes something costs no sync of its
own. Rejected: `PRAGMA synchronous` between transactions, which syncs with a transaction that changes something only,
and costs each change of it a statement.

A file of which nobody has wanted anything for a while is closed and its thread ends: a connection keeps its schema,
its statements and its pages, half a megabyte. The next operation opens it again in a new thread. Threads are not
shared between files: whoever waits for a slow disk or another program's lock is to keep nobody else.

Why one thread and one connection: SQLite before 3.51.3 can lose commits when two connections of a WAL file
write and checkpoint at the same instant.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mycel_runtime.errors import JournalError
from mycel_runtime.freed_memory import FREED_MEMORY
from mycel_runtime.journal.disk_room import translated
from mycel_runtime.journal.job import Job, deliver, ended
from mycel_runtime.journal.sqlite.commit_group import GroupCommit, is_busy
from mycel_runtime.journal.sqlite.left_file import LeftFile
from mycel_runtime.journal.sqlite.log_length import LogLength
from mycel_runtime.journal.sqlite.log_sync import SOON_SECONDS, LogSync
from mycel_runtime.journal.sqlite.writing_connection import make_empty, writing_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mycel_runtime.journal.sqlite.connection import SqliteConnection

T = TypeVar("T")

GROUP_LIMIT: Final = 256
"""Operations after which a commit takes no more. Source: measured; more gains nothing."""

LOCK_SECONDS: Final = 30.0
"""Somebody else may hold the write lock so long. The unit's watchdog takes who waits twice as long for dead."""

REST_SECONDS: Final = 20.0
"""
Without an operation, until the file is closed. Shorter than the watchdog's interval in our unit, whose look at the
journal would keep it open.
"""

LOG_PAGES: Final = 4_096
"""16 MiB, before the log is copied into the file. Source: measured; 1,000 take half of a burst's time."""


class OpenFile(NamedTuple):
    """The only connection that writes it, its log, and what of that is not on the disk yet."""

    connection: SqliteConnection
    log: LogLength
    log_sync: LogSync


class Writer:
    """
    A SQLite file, opened, migrated and written by a thread of its own.

    Args:
        path: The file; it and its log are readable by their owner only, whatever the umask.
        make: Makes the file, if there is none, in the thread; so that only its owner may read it.
        prepare: Run once on a new connection in the thread: refuses a file that is not ours, and migrates.
        inspect: Run before each opening, in the thread: refuses a file that is not as it was left.
        restart_log: Copies the log into the file and begins a new one; whether it could.
        end_log: Copies the log into the file for good.
        on_lock: Told, in the thread, that somebody else holds the write lock, and how long it was when it is over.
        on_commit: Told, in the thread, for how many seconds a group of so many operations was written.
        rest_seconds: Without an operation, until the file is closed; it is opened again by the next one.
        soon: Seconds until what nobody waits for is brought to the disk.
    """

    def __init__(
        self,
        path: Path,
        prepare: Callable[[SqliteConnection], None],
        *,
        make: Callable[[Path], None] = make_empty,
        inspect: Callable[[], None] = lambda: None,
        restart_log: Callable[[SqliteConnection], bool],
        end_log: Callable[[SqliteConnection], None],
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        rest_seconds: float = REST_SECONDS,
        soon: float = SOON_SECONDS,
    ) -> None:
        self._path, self._folder = path, path.parent
        self._make = make
        self._inspect = inspect
        self._rest_seconds = rest_seconds
        self._soon = soon
        self._log_limit = LOG_PAGES
        self._prepare = prepare
        self._restart_log = restart_log
        self._end_log = end_log
        self._on_lock = on_lock
        self._on_commit = on_commit
        self._jobs: queue.SimpleQueue[list[Job[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        """None at rest: the object of a thread that has ended is two KiB."""
        self._is_open = False
        self._is_at_rest = False
        self._turn = threading.Lock()
        self._left: LeftFile | None = None
        self._gathered: list[Job[Any]] = []
        self._failed: BaseException | None = None

    def open(self) -> None:
        """
        Start the thread; returns when the file is open and migrated.

        Raises:
            JournalFileError: `prepare` refused it.
            JournalError: It cannot be opened.
        """
        opened: Future[None] = Future()
        self._start(opened)
        opened.result()
        self._is_open = True

    @property
    def is_at_rest(self) -> bool:
        """Whether the file is closed, or is just being closed, until the next operation."""
        return self._is_at_rest

    async def submit(self, operation: Callable[[SqliteConnection], T]) -> T:
        """
        Run `operation` in the next commit and wait until it is durable.

        Args:
            operation: Changes nothing but the file: it is run again after it was undone with others.

        Cancelling: the operation is carried out or not at all; the caller is cancelled once that is known.

        Raises:
            JournalError: The operation or the commit failed, and nothing of it is stored; or it could not be brought
                to the disk.
        """
        return await ended(self._gather(operation, is_durable=True))

    async def commit(self, operation: Callable[[SqliteConnection], T]) -> T:
        """
        Run `operation` in the next commit and wait until that is made.

        It is on the disk before anything is that is committed later, and soon. Whoever dies until then without a loss
        of power has lost nothing.

        Args, Cancelling: as of `submit`.

        Raises:
            JournalError: As of `submit`; also if an earlier sync has failed for which nobody waited.
        """
        return await ended(self._gather(operation, is_durable=False))

    def post(self, operation: Callable[[SqliteConnection], object]) -> None:
        """
        As `commit`, before anything that is submitted or committed later; do not wait for it.

        Raises:
            JournalError: As `commit`; also if an earlier `post` has failed: nobody else was told.
        """
        self._gather(operation, is_durable=False).add_done_callback(self._note_failure)

    def _gather(self, operation: Callable[[SqliteConnection], T], *, is_durable: bool) -> asyncio.Future[T]:
        self._require_well()
        loop = asyncio.get_running_loop()
        job = Job(operation, loop, loop.create_future(), is_durable)
        # Another loop may have ended before it handed over what it had gathered.
        if not self._gathered or self._gathered[-1].loop is not loop:
            loop.call_soon(self._hand_over)
        self._gathered.append(job)
        return job.future

    def _require_well(self) -> None:
        if not self._is_open:
            raise JournalError("the journal is closed")
        if self._failed is not None:
            raise self._failed

    def _hand_over(self) -> None:
        jobs, self._gathered = self._gathered, []
        for start in range(0, len(jobs), GROUP_LIMIT):
            self._jobs.put(jobs[start : start + GROUP_LIMIT])
        if jobs:
            self._wake()

    def _wake(self) -> None:
        """Have somebody who does what is queued."""
        with self._turn:
            if not self._is_at_rest:
                return
            self._is_at_rest = False
            former = self._thread
        try:
            self._start(None, former=former)
        except RuntimeError as exc:  # No thread can be started now.
            self._refuse(exc)

    def _start(self, opened: Future[None] | None, *, former: threading.Thread | None = None) -> None:
        thread = threading.Thread(target=self._run, args=(opened, former), name="journal-writer", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            self._thread = former
            raise

    def _note_failure(self, posted: asyncio.Future[Any]) -> None:
        self._failed = self._failed or posted.exception()

    async def close(self) -> None:
        """Finish what is queued, then close the file."""
        self._is_open = False
        # What is gathered may start a thread.
        self._hand_over()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join)

    def _run(self, opened: Future[None] | None, former: threading.Thread | None) -> None:
        """
        What the thread does.

        Args:
            opened: Told whether the file could be opened; `None`: it was open before, and what waits is told.
            former: The thread that may be closing it.
        """
        if former is not None:
            former.join()
        try:
            self._serve(opened)
        finally:
            self._forget_thread()

    def _forget_thread(self) -> None:
        """It is about to end, and the file is closed; unless somebody waits for it already, nobody has to."""
        with self._turn:
            if self._thread is threading.current_thread():
                self._thread = None

    def _serve(self, opened: Future[None] | None) -> None:
        try:
            file = self._open_file()
        except BaseException as exc:  # noqa: BLE001 - handed to the opener, whatever it is
            if opened is None:
                self._refuse(exc)
            else:
                opened.set_exception(exc)
            return
        if opened is not None:
            opened.set_result(None)
        try:
            while (jobs := self._next_group(self._rest_seconds, file.log_sync)) is not None:
                self._write(file, jobs)
        finally:
            self._close_file(file)
            self._left = LeftFile.of(self._path)
            if self._is_at_rest:
                FREED_MEMORY.note()

    def _refuse(self, exc: BaseException) -> None:
        """The file could not be opened again: what waits is told, and whatever comes next tries anew."""
        error = exc
        if not isinstance(exc, JournalError):
            # At the start it is the user's mistake; here something has gone wrong meanwhile.
            error = JournalError(str(exc))
            error.__cause__ = exc
        while (jobs := self._next_group(0.0)) is not None:
            deliver([(job, None, error) for job in jobs])

    def _open_file(self) -> OpenFile:
        """Open and migrate it, in the thread that will write it; raises as `open`."""
        try:
            connection = self._wait_for_lock(self._connect)
            log = LogLength(self._path, connection)
            return OpenFile(connection, log, LogSync(connection, log.descriptor, soon=self._soon))
        except BaseException as exc:
            error = translated(exc, str(self._path), self._folder)
            if error is exc:
                raise
            raise error from exc

    def _write(self, file: OpenFile, jobs: Sequence[Job[Any]]) -> None:
        """Commit a group, and tell whoever waits for it."""
        began = time.perf_counter()
        GroupCommit(file.connection, self._begin, file.log_sync, self._folder, deliver).run(jobs)
        self._on_commit(time.perf_counter() - began, len(jobs))
        self._bound_log(file)

    def _close_file(self, file: OpenFile) -> None:
        # On a full disk the log stays beside the file, and the next start reads it.
        with contextlib.suppress(OSError):
            file.log_sync.sync()
        with contextlib.suppress(sqlite3.Error):
            self._end_log(file.connection)
        file.connection.close()
        file.log.close()

    def _connect(self) -> SqliteConnection:
        if self._left is not None:
            self._left.require(self._path)
        self._inspect()
        return writing_connection(self._path, self._make, self._prepare, self._restart_log)

    def _begin(self, connection: SqliteConnection) -> None:
        self._wait_for_lock(lambda: connection.execute("BEGIN IMMEDIATE"))

    def _wait_for_lock(self, work: Callable[[], T]) -> T:
        """Do it again while somebody else, a backup tool for example, holds the write lock; not for ever."""
        began, is_told = time.monotonic(), False
        while True:
            try:
                result = work()
            except sqlite3.OperationalError as exc:
                if not is_busy(exc) or time.monotonic() - began >= LOCK_SECONDS:
                    raise
                if not is_told:
                    self._on_lock(None)
                is_told = True
            else:
                if is_told:
                    self._on_lock(time.monotonic() - began)
                return result

    def _bound_log(self, file: OpenFile) -> None:
        """SQLite would do it within a commit, where nobody can tie the new log to the file."""
        if not file.log.reaches(self._log_limit):
            return
        # On a full disk, or while somebody reads the log, it grows; then it is tried again later.
        self._log_limit += LOG_PAGES
        with contextlib.suppress(sqlite3.Error):
            if self._restart_log(file.connection):
                self._log_limit = LOG_PAGES

    def _next_group(self, wait_seconds: float, log_sync: LogSync | None = None) -> list[Job[Any]] | None:
        """
        Wait for jobs, then take what else is there.

        Returns:
            `None`: to be closed, and everything queued is done; or nothing has come for so long, and it is at rest.
        """
        group = self._first_jobs(wait_seconds, log_sync)
        while group is not None and len(group) < GROUP_LIMIT:
            try:
                more = self._jobs.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._jobs.put(None)
                break
            group += more
        return group

    def _first_jobs(self, wait_seconds: float, log_sync: LogSync | None) -> list[Job[Any]] | None:
        left = None if log_sync is None else log_sync.seconds_left
        if left:
            with contextlib.suppress(queue.Empty):
                return self._jobs.get(timeout=left)
        if log_sync is not None and left is not None:
            # Also if there is always something to be done.
            self._sync_late(log_sync)
        with contextlib.suppress(queue.Empty):
            return self._jobs.get(timeout=wait_seconds)
        # Whoever has queued something by now is served by this thread, whoever does later starts another one.
        with self._turn:
            with contextlib.suppress(queue.Empty):
                return self._jobs.get_nowait()
            self._is_at_rest = True
        return None

    def _sync_late(self, log_sync: LogSync) -> None:
        try:
            log_sync.sync()
        except OSError as exc:
            # Nobody waits for it: whoever comes next is told.
            self._failed = self._failed or translated(exc, "journal", self._folder)
