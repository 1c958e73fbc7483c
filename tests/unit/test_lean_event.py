"""An event that costs nothing while nobody waits is `asyncio.Event` in all that is said of that."""

from __future__ import annotations

import asyncio
import sys

import pytest

from mycel_runtime.lean_event import LeanEvent

EVENTS = (LeanEvent, asyncio.Event)


async def settled():
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("make", EVENTS)
async def test_whoever_waits_goes_on_when_it_is_set(make):
    event, gone_on = make(), []

    async def wait(name):
        assert await event.wait() is True
        gone_on.append(name)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for name in ("one", "two"):
            tasks.create_task(wait(name))
        await settled()
        assert (gone_on, event.is_set()) == ([], False)
        event.set()
        event.set()
        await settled()
        assert (gone_on, event.is_set()) == (["one", "two"], True)
        assert await event.wait() is True


@pytest.mark.parametrize("make", EVENTS)
async def test_who_waits_goes_on_though_it_is_cleared_at_once(make):
    event = make()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(event.wait())
        await settled()
        event.set()
        event.clear()
        assert await waiting is True
        late = tasks.create_task(event.wait())
        await settled()
        assert not late.done()
        event.set()


@pytest.mark.parametrize("make", EVENTS)
async def test_who_is_cancelled_waits_no_more_and_the_others_do(make):
    event = make()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        leaving, staying = tasks.create_task(event.wait()), tasks.create_task(event.wait())
        await settled()
        leaving.cancel()
        await settled()
        assert (leaving.cancelled(), staying.done()) == (True, False)
        event.set()
        assert await staying is True


@pytest.mark.parametrize("make", EVENTS)
async def test_who_is_cancelled_as_it_is_set_is_cancelled(make):
    """The wait is over and the task has not gone on yet: nothing but the cancellation may reach it."""
    event = make()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(event.wait())
        await settled()
        event.set()
        leaving.cancel()
        await settled()
        assert leaving.cancelled()
    assert event.is_set()


async def test_nothing_is_left_of_who_has_waited():
    event = LeanEvent()
    empty = event._waiting
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(event.wait())
        leaving = tasks.create_task(event.wait())
        await settled()
        assert len(event._waiting) == 2
        leaving.cancel()
        event.set()
    assert event._waiting == empty == ()


def test_it_has_no_room_for_anybody_until_somebody_waits():
    assert sys.getsizeof(LeanEvent()) + sys.getsizeof(()) < sys.getsizeof(asyncio.Event()._waiters)
