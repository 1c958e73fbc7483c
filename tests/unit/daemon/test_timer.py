"""Timers ring by the loop's clock; work is one at a time."""

from __future__ import annotations

import asyncio
import random

import pytest

from mycel_runtime.daemon.timer import JITTER, every


class TimeMachine(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to whatever is scheduled next."""

    def __init__(self):
        super().__init__()
        self._jumped = 0.0

    def time(self):
        return self._jumped

    def _run_once(self):
        if not self._ready and self._scheduled:
            self._jumped = max(self._jumped, self._scheduled[0].when())
        super()._run_once()


def rings(seconds, takes, *, count=200, draw):
    """When the work began, each time, if it takes so long."""
    began = []

    async def work():
        began.append(asyncio.get_running_loop().time())
        if len(began) == count:
            raise StopAsyncIteration
        await asyncio.sleep(takes)

    with asyncio.Runner(loop_factory=TimeMachine) as runner, pytest.raises(StopAsyncIteration):
        runner.run(every(seconds, work, draw=draw))
    return began


def gaps(moments):
    return [after - before for before, after in zip([0.0, *moments], moments, strict=False)]


def test_work_begins_every_interval_give_or_take_the_jitter():
    between = gaps(rings(30.0, takes=5.0, draw=random.Random(1).random))

    assert min(between) >= 30.0 * (1 - JITTER) - 1e-6
    assert max(between) <= 30.0 * (1 + JITTER) + 1e-6
    assert max(between) - min(between) > 30.0 * JITTER


def test_slow_work_is_done_again_at_once_and_is_not_chased_by_what_it_missed():
    began = rings(1.0, takes=3.5, count=20, draw=random.random)

    assert gaps(began)[1:] == pytest.approx([3.5] * 19)


async def test_work_is_never_done_twice_at_once():
    runs = running = 0
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

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        timer = tasks.create_task(every(0.01, work))
        await done.wait()
        timer.cancel()


async def test_an_error_of_the_work_ends_the_timer_and_is_raised():
    async def work():
        raise LookupError

    with pytest.raises(LookupError):
        async with asyncio.timeout(60):
            await every(0.01, work)


def test_whoever_seeds_the_global_dice_does_not_bring_timers_into_step():
    def first_rings():
        random.seed(7)
        return rings(30.0, takes=0.0, count=3, draw=every.__kwdefaults__["draw"])

    assert first_rings() != first_rings()
