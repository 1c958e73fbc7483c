"""So many agents of a process start at a time, and none keeps the others."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.daemon.arrivals import AT_ONCE, Arrivals

DEADLINE = 10.0


class Starts:
    """Agents that are let in, and leave when they are told to."""

    def __init__(self, arrivals, tasks):
        self.begun = []
        self.changed = asyncio.Event()
        self._arrivals = arrivals
        self._tasks = tasks

    def begin(self, name, until):
        return self._tasks.create_task(self._start(name, until))

    async def _start(self, name, until):
        async with self._arrivals.let_in() as arrive:
            self.begun.append(name)
            self.changed.set()
            await until.wait()
            arrive()
            await asyncio.sleep(3600)


@pytest.fixture
async def tasks():
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        made = []

        class Tasks:
            def create_task(self, work):
                made.append(tasks.create_task(work))
                return made[-1]

        yield Tasks()
        for task in made:
            task.cancel()


async def turn_often():
    for _ in range(5 * AT_ONCE):
        await asyncio.sleep(0)


async def test_the_next_is_let_in_when_one_has_arrived_and_in_the_order_of_coming(tasks):
    starts, arrived = Starts(Arrivals(at_once=2), tasks), [asyncio.Event() for _ in range(4)]
    for number, event in enumerate(arrived):
        starts.begin(number, event)
    await turn_often()
    assert starts.begun == [0, 1]

    arrived[1].set()
    await turn_often()

    assert starts.begun == [0, 1, 2]


async def test_one_that_ends_or_is_cancelled_on_its_way_frees_its_place_once(tasks):
    starts, never = Starts(Arrivals(at_once=1), tasks), asyncio.Event()
    first, waiting, _, _ = (starts.begin(name, never) for name in "abcd")
    await turn_often()
    waiting.cancel()
    first.cancel()
    await turn_often()

    assert starts.begun == ["a", "c"]


async def test_one_that_does_not_arrive_keeps_nobody_for_long(tasks):
    """A full disk is waited for without end, another program's lock for half a minute."""
    starts, never = Starts(Arrivals(at_once=1, patience=0.01), tasks), asyncio.Event()
    for name in "abc":
        starts.begin(name, never)

    while starts.begun != list("abc"):
        starts.changed.clear()
        await starts.changed.wait()
