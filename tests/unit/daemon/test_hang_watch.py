"""What takes long is told once, while it does; what ends before is not."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.daemon.hang_watch import HangWatch

SECONDS = 5.0


class Loop:
    """As far as timers go: a clock that is set, and what is due by it."""

    def __init__(self):
        self.now, self.timers = 100.0, []

    def time(self):
        return self.now

    def call_at(self, when, callback):
        timer = asyncio.TimerHandle(when, callback, (), asyncio.get_running_loop())
        self.timers.append(timer)
        return timer

    def pass_to(self, now):
        self.now = now
        due = [timer for timer in self.timers if timer.when() <= now and not timer.cancelled()]
        self.timers = [timer for timer in self.timers if timer not in due and not timer.cancelled()]
        for timer in due:
            timer._run()


@pytest.fixture
async def loop(monkeypatch):
    loop = Loop()
    running = asyncio.get_running_loop()
    monkeypatch.setattr(running, "time", loop.time)
    monkeypatch.setattr(running, "call_at", loop.call_at)
    yield loop
    monkeypatch.undo()


async def test_what_takes_long_is_told_once_when_it_does(loop):
    told = []
    watch = HangWatch(SECONDS, lambda: told.append(loop.now))
    first = watch.begin()
    loop.pass_to(103.0)
    second, third = watch.begin(), watch.begin()
    loop.pass_to(104.9)
    assert told == []

    loop.pass_to(105.0)
    assert told == [105.0]
    assert not watch.end(third)
    loop.pass_to(108.0)
    loop.pass_to(200.0)

    assert told == [105.0, 108.0]
    assert (watch.end(first), watch.end(second)) == (True, True)


async def test_many_have_one_timer_and_none_when_there_is_nothing(loop):
    watch = HangWatch(SECONDS, pytest.fail)
    for _ in range(100):
        assert not watch.end(watch.begin())
    assert len(loop.timers) == 1

    loop.pass_to(105.0)

    assert loop.timers == []


async def test_after_its_end_nothing_is_told(loop):
    watch = HangWatch(SECONDS, pytest.fail)
    watch.begin()

    watch.stop()
    loop.pass_to(200.0)

    assert loop.timers == []
