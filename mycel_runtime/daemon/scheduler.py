"""
Timers, by APScheduler.

A job only rings a bell; the work is done by a task of the agent's tree, where its errors count and where it is
cancelled in order. Bells coalesce: a slow task is not chased by a queue of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

JITTER: Final = 0.1
"""Of the interval, to either side: runtimes that started together must not ask together."""

LATEST: Final = 2.0
"""Intervals after which a bell is late."""


class Scheduler:
    """The process's timers, on the running loop."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Timers ring while the block runs."""
        self._scheduler.start()
        try:
            yield
        finally:
            self._scheduler.shutdown(wait=False)

    async def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """
        Do `work` every `seconds`, for ever, one at a time.

        APScheduler counts by the wall clock. After that was set back no bell would ring for as long: a bell that is
        late by the loop's own clock counts as rung, and the job begins anew.

        Raises:
            Whatever `work` raises; the timer ends with it.

        Cancelling: passes through to `work`.
        """
        bell = asyncio.Event()

        async def ring() -> None:
            """A coroutine function, because APScheduler would run a plain one in a thread."""
            bell.set()

        interval = {"seconds": seconds, "jitter": seconds * JITTER}
        job = self._scheduler.add_job(ring, "interval", name=name, coalesce=True, **interval)
        try:
            while True:
                try:
                    async with asyncio.timeout(LATEST * seconds):
                        await bell.wait()
                except TimeoutError:
                    job.reschedule("interval", **interval)
                bell.clear()
                await work()
        finally:
            job.remove()
