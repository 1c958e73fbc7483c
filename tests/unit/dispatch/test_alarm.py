"""The alarm rings in time, once, and takes one timer of the loop for many waits."""

from __future__ import annotations

import asyncio

from mycel_runtime.dispatch.alarm import Alarm

DEADLINE = 30.0


async def test_it_rings_when_the_time_is_over():
    rang = asyncio.Event()
    began = asyncio.get_running_loop().time()

    Alarm(rang.set).set(0.01)

    async with asyncio.timeout(DEADLINE):
        await rang.wait()
    assert asyncio.get_running_loop().time() - began >= 0.01


async def test_an_earlier_time_takes_the_place_of_a_later_one():
    rang = asyncio.Event()
    alarm = Alarm(rang.set)

    alarm.set(3_600.0)
    alarm.set(0.0)

    async with asyncio.timeout(DEADLINE):
        await rang.wait()


async def test_a_later_time_leaves_the_timer_as_it_is(monkeypatch):
    loop, made = asyncio.get_running_loop(), []
    monkeypatch.setattr(loop, "call_at", lambda *when, at=loop.call_at: made.append(at(*when)) or made[-1])
    alarm = Alarm(lambda: None)

    for seconds in range(60, 160):
        alarm.set(seconds)

    assert len(made) == 1
    alarm.cancel()


async def test_it_can_be_set_again_after_it_rang():
    rings = asyncio.Semaphore(0)
    alarm = Alarm(rings.release)

    async with asyncio.timeout(DEADLINE):
        for _ in range(3):
            alarm.set(0.0)
            await rings.acquire()


async def test_a_cancelled_alarm_does_not_ring():
    rang, later = asyncio.Event(), asyncio.Event()
    alarm = Alarm(rang.set)

    alarm.set(0.0)
    alarm.cancel()
    Alarm(later.set).set(0.001)

    async with asyncio.timeout(DEADLINE):
        await later.wait()
    assert not rang.is_set()
