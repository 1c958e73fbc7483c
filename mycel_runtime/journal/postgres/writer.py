"""
Carries out what a journal is asked for, in the order in which it was asked, in a thread of the database's.

What comes while a transaction is on its way goes into the next one together (group commit). A transaction whose
connection is lost is run again, on another one, for as long as the database is away and somebody waits: an agent that
ended would lose nothing by it either, and would not be there when the database is.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from mycel_runtime.errors import JournalAwayError, JournalError, TakenOverError
from mycel_runtime.journal.job import Job, deliver, ended, resolve
from mycel_runtime.journal.postgres.connections import POOL_SIZE
from mycel_runtime.journal.postgres.failures import (
    AwayError,
    is_away,
    is_lost,
    is_to_be_repeated,
    journal_error,
    reason_of,
    rights_error,
)
from mycel_runtime.journal.postgres.group import Group
from mycel_runtime.journal.postgres.outage import Outage
from mycel_runtime.journal.postgres.session import BuriedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.postgres.connections import Connections
    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.journal.verbs.connection import Connection

T = TypeVar("T")

GROUP_LIMIT: Final = 256
"""Operations after which a transaction takes no more."""

REST_SECONDS: Final = 20.0

_REPETITIONS: Final = 5

_AT_ONCE: Final = threading.Event()
_AT_ONCE.set()
"""Of an outage that nobody waits for."""


class PostgresWriter:
    """
    As `journal.writer.Writer`, on a database.

    Args:
        connections: Open.
        process: Registered in the database.
        note_time: Told what the database's clock shows, in another thread.
        on_away: Told, in another thread, why the database is away, and for how many seconds by then; without a
            reason, for how many it was.
        on_commit: Told, in another thread, for how many seconds a group of so many operations was written.
        still_seconds: As of `session.begin`.
    """

    def __init__(
        self,
        connections: Connections,
        process: ProcessMark,
        note_time: Callable[[float], None],
        *,
        on_away: Callable[[str, float], None] = lambda _reason, _seconds: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        still_seconds: float = math.inf,
    ) -> None:
        self._connections = connections
        self._process = process
        self._note_time = note_time
        self._on_away = on_away
        self._on_commit = on_commit
        self._still_seconds = still_seconds
        self._gathered: list[Job[Any]] = []
        self._unwanted: set[asyncio.Future[Any]] = set()
        self._under_way: asyncio.Future[None] | None = None
        self._failed: BaseException | None = None
        self._closing = threading.Event()
        self._is_open = True
        self._wanted_at = time.monotonic()
        self._commits = 0
        self._identity: str | None = None
        self._is_of_several = False

    def work_as(self, identity: str) -> None:
        """
        From now on its transactions leave those about other identities alone; at the second one, no more.

        Args:
            identity: About which nearly all operations will be; one that is not is carried out all the same.
        """
        self._is_of_several = self._is_of_several or self._identity not in {None, identity}
        self._identity = identity

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody has wanted anything for a while; no connection is kept for it in any case."""
        is_idle = not self._gathered and self._under_way is None
        return is_idle and time.monotonic() - self._wanted_at >= REST_SECONDS

    def register(self, operation: Callable[[Connection], None]) -> None:
        """
        Write down that this process has the journal open; blocking, before anything else.

        Raises:
            JournalFileError: This user may not write it.
            JournalError: It cannot be written.
        """
        # Whatever lies there may be of before a restart that nobody has noticed yet.
        for attempt in range(POOL_SIZE + 1):
            try:
                self._in_thread([operation], identity=self._process.process_id)
            except psycopg.errors.InsufficientPrivilege as exc:
                raise rights_error(exc, self._connections.place) from None
            except (AwayError, psycopg.Error) as exc:
                if attempt == POOL_SIZE or not isinstance(exc, AwayError):
                    raise _told(exc, self._connections.place) from None
            else:
                return

    def unregister(self, operation: Callable[[Connection], None]) -> None:
        """
        Its own word that it has ended; blocking, behind everything else.

        If that cannot be written, others have to prove it.

        Args:
            operation: May be committed twice.
        """
        is_nobodys = self._identity is None
        identity = self._process.process_id if is_nobodys else self._scope
        with contextlib.suppress(AwayError, psycopg.Error):
            self._in_thread([operation], identity=identity, is_last=True)

    async def submit(self, operation: Callable[[Connection], T]) -> T:
        """As of `Writer`; while the database is away whoever is cancelled waits for one attempt more, at most."""
        return await ended(self._gather(operation), on_cancel=self._unwant)

    async def commit(self, operation: Callable[[Connection], T]) -> T:
        """As `submit`: here it is on the disk, too."""
        return await ended(self._gather(operation), on_cancel=self._unwant)

    def post(self, operation: Callable[[Connection], object]) -> None:
        """As of `Writer`."""
        self._gather(operation).add_done_callback(self._note_failure)

    def hurry(self) -> None:
        """A database that is away is waited for no longer."""
        self._closing.set()

    async def close(self) -> None:
        """Finish what is queued; where the database is away, that fails at once."""
        self._is_open = False
        self._closing.set()
        while self._under_way is not None or self._gathered:
            if self._under_way is None:
                self._hand_over()
            assert self._under_way is not None
            await asyncio.wait([self._under_way])
            await asyncio.sleep(0)

    def _gather(self, operation: Callable[[Connection], T]) -> asyncio.Future[T]:
        if not self._is_open:
            raise JournalError("the journal is closed")
        if self._failed is not None:
            raise self._failed
        loop = asyncio.get_running_loop()
        job = Job(operation, loop, loop.create_future(), is_durable=True)
        self._wanted_at = time.monotonic()
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append(job)
        return job.future

    def _hand_over(self) -> None:
        if self._under_way is not None or not self._gathered:
            return
        jobs, self._gathered = self._gathered[:GROUP_LIMIT], self._gathered[GROUP_LIMIT:]
        loop = asyncio.get_running_loop()
        self._under_way = loop.run_in_executor(self._connections.threads, self._write, jobs)
        self._under_way.add_done_callback(self._go_on)

    def _go_on(self, _done: asyncio.Future[None]) -> None:
        self._under_way = None
        self._hand_over()

    def _note_failure(self, posted: asyncio.Future[Any]) -> None:
        self._failed = self._failed or posted.exception()

    def _unwant(self, future: asyncio.Future[Any]) -> None:
        """Nobody waits for it any more; while the database is there it is done all the same."""
        self._unwanted.add(future)
        future.add_done_callback(self._unwanted.discard)

    def _forget_unwanted(
        self, operations: list[Callable[[Connection], Any]], jobs: Sequence[Job[Any]]
    ) -> None:
        """In a thread, while the database is away: of a group that is to be run again, and behind it."""
        if not jobs or not self._unwanted:
            return
        for number, job in enumerate(jobs):
            if job.future in self._unwanted:
                operations[number] = _do_nothing
                deliver([(job, None, self._away())])
        with contextlib.suppress(RuntimeError):
            jobs[0].loop.call_soon_threadsafe(self._forget_gathered)

    def _forget_gathered(self) -> None:
        unwanted = [job for job in self._gathered if job.future in self._unwanted]
        self._gathered = [job for job in self._gathered if job not in unwanted]
        for job in unwanted:
            resolve(job.future, None, self._away())

    def _away(self) -> JournalAwayError:
        return JournalAwayError("nobody waits for the database any more", where=self._connections.place)

    def _write(self, jobs: Sequence[Job[Any]]) -> None:
        """In a thread: carry out a group, and tell whoever waits."""
        began = time.perf_counter()
        try:
            results = self._carry_out([job.operation for job in jobs], jobs, identity=self._scope)
        except BaseException as exc:  # noqa: BLE001 - told to the caller, whatever it is
            if len(jobs) > 1 and not isinstance(exc, AwayError | BuriedError):
                # So that the one that fails undoes only itself.
                for job in jobs:
                    self._write([job])
                return
            error = _told(exc, self._connections.place)
            deliver([(job, None, error) for job in jobs])
        else:
            deliver([(job, result, None) for job, result in zip(jobs, results, strict=True)])
            self._on_commit(time.perf_counter() - began, len(jobs))

    @property
    def _scope(self) -> str | None:
        return None if self._is_of_several else self._identity

    def _in_thread(
        self, operations: list[Callable[[Connection], Any]], *, identity: str | None, is_last: bool = False
    ) -> None:
        """As `_carry_out`, in one of the threads: so that there are never more connections than these."""
        self._connections.threads.submit(
            self._carry_out, operations, identity=identity, is_last=is_last
        ).result()

    def _carry_out(
        self,
        operations: list[Callable[[Connection], Any]],
        jobs: Sequence[Job[Any]] = (),
        *,
        identity: str | None,
        is_last: bool = False,
    ) -> list[Any]:
        """
        In one transaction; what they have returned.

        Args:
            operations: Of one that nobody waits for any more it does nothing, once the database is found to be away.
            jobs: Whose they are, in their order; none: this process's own, and no outage is waited for.
            identity: As of `Group`; that of the process, where they are about nothing else.
            is_last: It may be committed twice.

        Raises:
            AwayError: The database is away, and nobody waits for it.
        """
        # No number comes again, also where nobody ever learns what became of its group.
        self._commits += 1
        number = None if is_last else self._commits
        group = Group(
            operations,
            self._process,
            self._note_time,
            number,
            still_seconds=self._still_seconds,
            identity=identity,
        )
        wait = Outage(self._closing if jobs else _AT_ONCE, self._on_away)
        results = self._attempt_alone(group, wait, lambda: self._forget_unwanted(operations, jobs))
        wait.end()
        # What it has of another one is named by keys only from now on.
        self._is_of_several = self._is_of_several or group.is_foreign
        return results

    def _attempt_alone(self, group: Group, wait: Outage, meanwhile: Callable[[], None]) -> list[Any]:
        """Again where it has only met another transaction; not for ever."""
        for _ in range(_REPETITIONS - 1):
            try:
                return self._attempt_until_there(group, wait, meanwhile)
            except psycopg.Error as exc:
                if not is_to_be_repeated(exc):
                    raise
        return self._attempt_until_there(group, wait, meanwhile)

    def _attempt_until_there(self, group: Group, wait: Outage, meanwhile: Callable[[], None]) -> list[Any]:
        while True:
            try:
                return self._attempt(group)
            except AwayError as exc:
                if not wait.goes_on(exc.reason):
                    raise
            meanwhile()

    def _attempt(self, group: Group) -> list[Any]:
        connection = self._connections.take()
        try:
            return group.run(connection)
        except psycopg.Error as exc:
            if is_lost(exc, connection):
                connection.close()
            if is_away(exc, connection):
                raise AwayError(reason_of(exc)) from None
            raise
        finally:
            self._connections.give_back(connection)


def _do_nothing(_connection: Connection) -> None:
    """In the place of what nobody wants any more."""


def _told(exc: BaseException, where: str) -> BaseException:
    """As whoever waits is told."""
    if isinstance(exc, AwayError):
        return JournalAwayError(f"PostgreSQL is away: {exc.reason}", where=where)
    if isinstance(exc, BuriedError):
        return TakenOverError(where)
    return journal_error(exc) if isinstance(exc, psycopg.Error) else exc
