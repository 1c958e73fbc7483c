"""The wall clock is set, and nothing of ours runs by it."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from tests.integration.inbox.conftest import running

NINETY_DAYS_SECONDS = 90 * 86400.0
LONGEST_STALL_SECONDS = 0.5
"""Of the loop's own work: how long others keep the processor on a busy machine says nothing."""
MOST_GROWTH_BYTES = 4 * 2**20


class WallClock:
    """Tells the time, and may be set."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


class LoopMeter:
    """The longest that the loop worked without coming round."""

    def __init__(self):
        self.longest = 0.0

    async def run(self):
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.thread_time() - before)


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [NINETY_DAYS_SECONDS, -3600.0], ids=["90 days forward", "an hour back"])
async def test_a_clock_that_is_set_stalls_nothing_grows_nothing_and_silences_no_look(home, tmp_path, ahead):
    clock, meter = WallClock(), LoopMeter()
    async with running(home, tmp_path / "s", clock=clock) as runtime:
        await home.say("before")
        await runtime.until_heard("before")
        await runtime.memory.wait("reconcile.finished", 2)
        tracemalloc.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                metering = tasks.create_task(meter.run())
                clock.ahead = ahead
                looks = len(runtime.memory.named("reconcile.finished"))
                await runtime.memory.wait("reconcile.finished", looks + 4)
                await home.say("after")
                await runtime.until_heard("before", "after")
                metering.cancel()
            growth, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert meter.longest < LONGEST_STALL_SECONDS
    assert growth < MOST_GROWTH_BYTES
    assert runtime.memory.named("deafness.detected") == []
