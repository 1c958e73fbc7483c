"""So many at a time, in their order, and none that is stuck keeps the others."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.places import Places

DEADLINE = 10.0


class Crowd:
    """Those that take a place, and give it back when they are told to."""

    def __init__(self, places, tasks):
        self.begun = []
        self.changed = asyncio.Event()
        self._places = places
        self._tasks = tasks

    def begin(self, name, until):
        return self._tasks.create_task(self._take(name, until))

    async def _take(self, name, until):
        async with self._places.taken() as give_back:
            self.begun.append(name)
            self.changed.set()
            await until.wait()
            give_back()
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
    for _ in range(100):
        await asyncio.sleep(0)


async def test_the_next_has_a_place_when_one_is_given_back_in_the_order_of_coming(tasks):
    crowd, done = Crowd(Places(2, patience=DEADLINE), tasks), [asyncio.Event() for _ in range(4)]
    for number, event in enumerate(done):
        crowd.begin(number, event)
    await turn_often()
    assert crowd.begun == [0, 1]

    done[1].set()
    await turn_often()

    assert crowd.begun == [0, 1, 2]


async def test_one_that_ends_or_is_cancelled_frees_its_place_once(tasks):
    crowd, never = Crowd(Places(1, patience=DEADLINE), tasks), asyncio.Event()
    first, waiting, _, _ = (crowd.begin(name, never) for name in "abcd")
    await turn_often()
    waiting.cancel()
    first.cancel()
    await turn_often()

    assert crowd.begun == ["a", "c"]


async def test_one_that_keeps_its_place_keeps_nobody_for_long(tasks):
    crowd, never = Crowd(Places(1, patience=0.01), tasks), asyncio.Event()
    for name in "abc":
        crowd.begin(name, never)

    while crowd.begun != list("abc"):
        crowd.changed.clear()
        await crowd.changed.wait()
