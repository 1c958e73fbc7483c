"""An agent waits for two ends at once, its own and its process's, and needs no task for either."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.daemon.draining import Draining
from mycel_runtime.daemon.signals import StopRequest

DEADLINE = 60.0


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("ends", "is_stop"), [("stop", True), ("drain", False)])
async def test_either_end_is_told_apart(ends, is_stop):
    draining, stop = Draining(), StopRequest()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(draining.wait_asked(stop))
        await settled()
        assert not waiting.done()
        ordered = tasks.create_task(draining.order(1.0, stay=False)) if ends == "drain" else None
        if ordered is None:
            stop.ask("SIGTERM")
        assert await waiting is is_stop
        assert draining.is_asked is not is_stop
        # Whoever asks once more is told the same at once.
        assert await draining.wait_asked(stop) is is_stop
        if ordered is not None:
            ordered.cancel()


async def test_an_end_that_was_asked_for_before_is_one():
    draining, stop = Draining(), StopRequest()
    stop.ask("SIGTERM")
    async with asyncio.timeout(DEADLINE):
        assert await draining.wait_asked(stop)


async def test_many_agents_wait_for_one_stop_without_tasks_of_their_own():
    stop = StopRequest()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        before = len(asyncio.all_tasks())
        waiting = [tasks.create_task(Draining().wait_asked(stop)) for _ in range(10)]
        await settled()
        assert len(asyncio.all_tasks()) == before + 10
        stop.ask("SIGTERM")
        assert await asyncio.gather(*waiting) == [True] * 10


async def test_who_is_cancelled_is_told_no_more():
    draining, stop = Draining(), StopRequest()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(draining.wait_asked(stop))
        await settled()
        waiting.cancel()
    stop.ask("SIGTERM")
    assert (stop._told, draining._end.is_set()) == ([], False)
