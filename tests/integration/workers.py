"""
Two workers of one identity: both run its handlers, one dies or stands still, and the other one goes on.

A third process listens as the identity, runs no handler, and says when nothing is to be done any more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from typing_extensions import override

from mycel_runtime.daemon.timer import every
from mycel_runtime.journal.postgres.lane_jobs import LaneJobs
from tests.integration.company import (
    COMPANY_SECONDS,
    CompanyStage,
    all_ended,
    ended_or_woken,
    interrupted,
    is_busy,
    live_anew,
)
from tests.integration.play import LEASE_SECONDS
from tests.integration.speech.lifetimes import Lifetimes, has_ended

LANES_AT_ONCE = 4


def live_as_worker(life):
    """To be run as a process."""
    asyncio.run(live_anew(life, _work))


async def _work(assembly, journal, life):
    """Until it is told that all is over."""
    parts = await assembly.worker_parts()
    # Begun anew by whoever was taken over: that is no news.
    calls = LaneJobs(life.url, journal, life.me, concurrency=LANES_AT_ONCE, on_restart=lambda _reason: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.dispatcher.run(), name="dispatcher")
        beside = [
            tasks.create_task(calls.run(parts.called_lanes.drain), name="lane-calls"),
            # Sooner than `parts.beside` would: leases are short here.
            tasks.create_task(every(LEASE_SECONDS / 3, parts.company.look), name="company"),
        ]
        while not _end_of(life).exists() or await is_busy(journal, life):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)
        for each in beside:
            each.cancel()
        parts.dispatcher.stop()


def _end_of(life):
    """A file that is there once all is over."""
    return life.folder / "over"


@dataclass(kw_only=True)
class WorkersStage(CompanyStage):
    """Each life is two of workers, of which the first is interrupted, beside one that listens."""

    workers: Lifetimes = field(default_factory=lambda: Lifetimes(live_as_worker, COMPANY_SECONDS))

    @override
    async def run(self, first, host, gate, seconds):
        _end_of(first).unlink(missing_ok=True)
        second = replace(self.life, host=host, paused=None)
        first = replace(first, paused=None)
        listening = replace(self.life, host="three", handlers="workers")
        with (
            self.workers.alive(first) as dying,
            self.workers.alive(second) as other,
            self.lifetimes.alive(listening) as listener,
        ):
            gate.pid = dying.pid
            with interrupted(first, dying, seconds):
                async with asyncio.TaskGroup() as tasks:
                    watching = tasks.create_task(ended_or_woken(dying), name="watching")
                    assert await has_ended(listener, COMPANY_SECONDS)
                    _end_of(first).touch()
            return await all_ended(first, dying, [other, listener]) or watching.result()
