"""
Tells processes which lane to drain, by jobs of procrastinate, in a schema of their own beside the journal.

A job says "drain this lane", and nothing else: what is due, who has claimed it and how often it was tried is the
journal's. So a job may be lost, come twice or stand still, and nothing is: claims exclude each other, and lanes with
due work and no job are called again (`_call_due`). Each process calls what it was told is due, behind the commit that
made it so and never within it, and looks around every few seconds beneath that. A job more is a look in vain.

Every process hears of whatever becomes due and of every end, wherever: to look each time would cost more than to
drain, and the more the more there are. So looks in vain become rarer, enough lanes that wait are as good as all, and
a job that has just begun is left to see to its lane.

One job of a lane waits at most (`queueing_lock`). That one runs at most is left to the claims: procrastinate's `lock`
would say it a second time, and keep a lane from everybody while a dead worker's job is believed to run; and whoever
fetches a job would look through all that wait for such locks.

What procrastinate 3.10 does that would keep lanes waiting, and what stands against it here:

- Its worker lives on without its LISTEN when the database was away for a moment. `LaneConnector` says that it has
  ended, and the worker is begun anew.
- It cancels jobs: of another schema of the database that has a job of that number, and at the end of a stop's time.
  What runs is no part of the job's task, which only waits for it.
- A dead worker's job stands for ever, and so does one whose end could not be written. Every process looks for such
  jobs, and for dead workers, which else are removed only when one starts (`_remove_stalled`).
- A job that is enqueued twice spoils the transaction in which that happens. Jobs are enqueued in transactions of
  their own.
- Its schema cannot be made twice, and says nothing of its version. `lane_schema.py` keeps that.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import random
import time
from typing import TYPE_CHECKING, Final

import procrastinate
import psycopg
from procrastinate import exceptions
from procrastinate.jobs import DeleteJobCondition, Job, Status
from typing_extensions import override

from mycel_runtime.errors import ConfigError, JournalError, JournalFileError
from mycel_runtime.journal.ids import Lane
from mycel_runtime.journal.port.lane_calls import LaneCalls
from mycel_runtime.journal.port.waker import Waker
from mycel_runtime.journal.postgres.lane_connections import LaneCallsLostError, LaneConnector
from mycel_runtime.journal.postgres.lane_schema import prepare_lanes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence

    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.wire.ids import UserId

LOOK_SECONDS: Final = 3.0
"""Between two looks for lanes that nobody calls and jobs that nobody works on, give or take a third."""

GATHER_SECONDS: Final = 0.01
"""For which what becomes due is gathered before it is called, give or take a third."""

LONGEST_GATHER_SECONDS: Final = 0.16
"""
After looks that have found nothing to call, each of which doubles it.

All processes hear of all that becomes due, and of every end; one of them calls it, and the others look in vain. So
those look less often, and the one that has called is soon there again.
"""

CALLED_AT_ONCE: Final = 256
"""Lanes that wait in jobs at most; the others stand in the journal, where they cost nothing."""

ENOUGH_CALLED: Final = 128
"""Lanes that wait in jobs, beside which no more are looked for: whoever ends one looks again."""

TRUST_SECONDS: Final = 0.1
"""
For which a job that has begun is believed to see to what is due in its lane.

As a rule it is about to claim it. It may also have looked just before that became due; or it never does, being a dead
process's.
"""

POLL_SECONDS: Final = 2.0
"""Between looks for jobs, beneath what is notified."""

HEARTBEAT_SECONDS: Final = 5.0

STALLED_SECONDS: Final = 20.0
"""Of a worker that is not heard of: its jobs are others'. If it lives, its claims stand, and nothing is lost."""

_AGAIN_SECONDS: Final = 0.5
"""Until it is begun anew after a failure; twice that after each that follows soon, sixteen times at most."""

_LASTING_SECONDS: Final = 60.0
"""After which a failure is none that follows soon."""

_QUEUE_BYTES: Final = 39
"""A channel's name holds 63 bytes, and procrastinate's begins with 24 of its own."""

_TASK: Final = "drain"

_DICE: Final = random.SystemRandom()


class LaneJobs(LaneCalls):
    """
    As of the port.

    Args:
        url: libpq's, with the password, which nobody is told.
        journal: Open on the same database.
        identity: Whose lanes.
        concurrency: Lanes at once.
        on_restart: Told why it is begun anew.
    """

    def __init__(
        self,
        url: str,
        journal: DispatcherJournal,
        identity: UserId,
        *,
        concurrency: int,
        on_restart: Callable[[str], None],
    ) -> None:
        self._url = url
        self._journal = journal
        self._identity = identity
        self._queue = queue_of(identity)
        self._concurrency = concurrency
        self._on_restart = on_restart
        self._due = _Due(journal.now)
        self._begun = _Begun()

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._queue}>"

    @override
    async def run(self, drain: Callable[[Lane], Awaitable[None]]) -> None:
        self._journal.on_work(self._identity, self._due)
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._serve(drain)
            except _PASSING as exc:
                self._on_restart(str(exc) if isinstance(exc, LaneCallsLostError) else type(exc).__name__)
            failures = 0 if time.monotonic() - began > _LASTING_SECONDS else min(failures + 1, 4)
            await asyncio.sleep(_AGAIN_SECONDS * 2**failures * (0.5 + _DICE.random() / 2))

    async def _serve(self, drain: Callable[[Lane], Awaitable[None]]) -> None:
        """For ever, or until something of it has failed, which is raised."""
        await self._prepare()
        connector = LaneConnector(self._url)
        app = procrastinate.App(connector=connector)

        @app.task(name=_TASK)
        async def drain_lane(lane: str) -> None:
            # The job may be cancelled, by anybody; what runs is not.
            await asyncio.shield(drain(Lane(lane)))
            # Something may have become due behind its last look, and there is one lane less that waits.
            self._due.wake()

        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        parts = {
            "lane-jobs": self._work(app),
            "lane-calls": self._call(app),
            "lane-tidying": self._tidy(app),
            "lane-listening": connector.wait_lost(),
        }
        async with app.open_async(), asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(_until_lost(part, lost), name=name) for name, part in parts.items()]
            reason = await lost
            for task in working:
                task.cancel()
        raise LaneCallsLostError(reason)

    async def _prepare(self) -> None:
        try:
            await asyncio.to_thread(prepare_lanes, self._url)
        except JournalFileError:
            raise
        except ConfigError:
            # The journal was opened by it: the password was changed, and will stand where it is read.
            raise LaneCallsLostError("login refused") from None

    async def _work(self, app: procrastinate.App) -> None:
        """Procrastinate's worker. It is not waited for: its jobs only wait for what goes on elsewhere."""
        await app.run_worker_async(
            queues=[self._queue],
            name=self._queue,
            concurrency=self._concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=0.0,
            fetch_job_polling_interval=POLL_SECONDS,
            delete_jobs=DeleteJobCondition.ALWAYS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )
        raise LaneCallsLostError("worker ended")

    async def _call(self, app: procrastinate.App) -> None:
        gather = GATHER_SECONDS
        looked_at = -math.inf
        while True:
            await self._due.wait(_about(LOOK_SECONDS))
            rest = _about(gather) - (time.monotonic() - looked_at)
            await asyncio.sleep(max(rest, _about(GATHER_SECONDS)))
            self._due.begin()
            has_called = await self._call_due(app)
            looked_at = time.monotonic()
            gather = GATHER_SECONDS if has_called else min(2 * gather, LONGEST_GATHER_SECONDS)

    async def _call_due(self, app: procrastinate.App) -> bool:
        """
        Make a job for each lane of which something is due and for which none waits; whether there was one.

        The lanes are read first: a job that waits after that begins after what makes them due, and finds it.
        """
        enough = await app.connector.execute_query_one_async(
            _IS_ENOUGH, queue=self._queue, enough=ENOUGH_CALLED
        )
        if enough["is_enough"]:
            return False
        lanes = await self._journal.due_lanes(self._identity, limit=CALLED_AT_ONCE)
        while jobs := await self._uncalled(app, lanes):
            # Of a batch that is refused none stands: somebody else has called one of them just now.
            with contextlib.suppress(exceptions.AlreadyEnqueued):
                await app.job_manager.batch_defer_jobs_async(jobs)
                return True
        return False

    async def _uncalled(self, app: procrastinate.App, lanes: Sequence[Lane]) -> list[Job]:
        """For each of the lanes that no job sees to."""
        if not lanes:
            return []
        called = await app.connector.execute_query_all_async(_CALLED, queue=self._queue)
        waiting = {row["queueing_lock"] for row in called if row["status"] == "todo"}
        jobs = [job for job in map(self._job, lanes) if job.queueing_lock not in waiting]
        begun = {row["queueing_lock"]: row["id"] for row in called if row["status"] == "doing"}
        trusted = self._begun.trusted(begun[job.queueing_lock] for job in jobs if job.queueing_lock in begun)
        if trusted:
            self._due.wake_at(self._journal.now() + TRUST_SECONDS)
        return [job for job in jobs if begun.get(job.queueing_lock) not in trusted]

    def _job(self, lane: Lane) -> Job:
        return Job(
            queue=self._queue,
            task_name=_TASK,
            lock=None,
            queueing_lock=f"{self._identity}:{lane}",
            task_kwargs={"lane": lane},
        )

    async def _tidy(self, app: procrastinate.App) -> None:
        while True:
            await self._remove_stalled(app)
            await asyncio.sleep(_about(LOOK_SECONDS))

    async def _remove_stalled(self, app: procrastinate.App) -> None:
        """
        Remove jobs of workers that are not heard of any more, and those workers.

        To try such a job again, as procrastinate would, fails where another one of its lane waits; and there is
        nothing in it that the journal does not know better: if its lane is due, it is called anew.
        """
        await app.job_manager.prune_stalled_workers(STALLED_SECONDS)
        stalled = await app.job_manager.get_stalled_jobs(
            queue=self._queue, seconds_since_heartbeat=STALLED_SECONDS
        )
        for job in stalled:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


class _Begun:
    """Jobs that have begun, of lanes of which something is due and does not run; with when that was seen first."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def trusted(self, jobs: Iterable[int]) -> Collection[int]:
        """
        Those that may see to it yet.

        Args:
            jobs: By their numbers, all that are so now.
        """
        now = time.monotonic()
        self._seen = {job: self._seen.get(job, now) for job in jobs}
        return {job for job, seen_at in self._seen.items() if now - seen_at < TRUST_SECONDS}


class _Due(Waker):
    """Woken of whatever becomes due."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._event = asyncio.Event()
        self._next_at = math.inf

    @override
    def wake(self) -> None:
        self._event.set()

    @override
    def wake_at(self, due_at: float) -> None:
        if due_at < self._next_at:
            self._next_at = due_at
            # Whoever waits has to wait no longer than that.
            self._event.set()

    @override
    def fire_at(self, due_at: float) -> None:
        """Whoever fires makes it due."""

    async def wait(self, seconds: float) -> None:
        """Until it is woken, something becomes due, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(seconds, self._next_at - self._now()))):
                await self._event.wait()

    def begin(self) -> None:
        """What it was woken for is looked at now."""
        self._event.clear()
        if self._next_at <= self._now():
            self._next_at = math.inf


def queue_of(identity: UserId) -> str:
    """The queue of an identity's jobs; a channel is called after it, and holds no more than so many bytes."""
    return (
        identity
        if identity.isascii() and len(identity) <= _QUEUE_BYTES
        else hashlib.sha256(identity.encode()).hexdigest()[:32]
    )


def _about(seconds: float) -> float:
    """So that processes do not look in step."""
    return seconds * (2 + 2 * _DICE.random()) / 3


async def _until_lost(part: Coroutine[None, None, None], lost: asyncio.Future[str]) -> None:
    """
    Run a part until it fails, which is noted and not raised.

    A group of tasks of which one fails while all are cancelled would raise that, and the end would go unheard.
    """
    try:
        await part
    except _PASSING as exc:
        if not lost.done():
            lost.set_result(str(exc) if isinstance(exc, LaneCallsLostError) else type(exc).__name__)


_PASSING: Final = (psycopg.Error, exceptions.ProcrastinateException, JournalError, LaneCallsLostError)
"""What is over when the database is there again."""

_IS_ENOUGH: Final = (
    "SELECT count(*) >= %(enough)s AS is_enough FROM (SELECT 1 FROM procrastinate_jobs"
    " WHERE queue_name = %(queue)s AND status = 'todo' LIMIT %(enough)s) AS waiting"
)

_CALLED: Final = (
    "SELECT id, queueing_lock, status::text AS status FROM procrastinate_jobs"
    " WHERE queue_name = %(queue)s AND status IN ('todo', 'doing')"
)
