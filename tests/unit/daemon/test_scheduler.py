"""Timers ring bells; work is one at a time."""

from __future__ import annotations

import asyncio
import datetime as dt

import apscheduler.schedulers.base
import pytest

from mycel_runtime.daemon.scheduler import Scheduler


async def test_work_is_done_again_and_again_and_never_twice_at_once():
    scheduler, runs, running = Scheduler(), 0, 0
    done = asyncio.Event()

    async def work():
        nonlocal runs, running
        running += 1
        assert running == 1
        await asyncio.sleep(0.03)
        running -= 1
        runs += 1
        if runs == 3:
            done.set()

    with scheduler.running():
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            timer = tasks.create_task(scheduler.every(0.01, "work", work))
            await done.wait()
            timer.cancel()

    assert runs == 3


async def test_a_clock_that_is_set_back_silences_no_bell(monkeypatch):
    """By an hour, as when the time is set after the start."""
    hours_back = 0

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime.now(tz) - dt.timedelta(hours=hours_back)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Clock)
    scheduler, rung = Scheduler(), asyncio.Semaphore(0)

    async def work():
        rung.release()

    with scheduler.running():
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            timer = tasks.create_task(scheduler.every(0.05, "work", work))
            await rung.acquire()
            hours_back = 1
            for _ in range(5):
                await rung.acquire()
            timer.cancel()


async def test_an_error_of_the_work_ends_the_timer_and_is_raised():
    scheduler = Scheduler()

    async def work():
        raise LookupError

    with scheduler.running(), pytest.raises(LookupError):
        async with asyncio.timeout(10):
            await scheduler.every(0.01, "work", work)
