"""Who has had fewest turns of late goes next, a slow call holds nobody up, and a cancelled one leaves no trace."""

from __future__ import annotations

import asyncio
import sys

import pytest

from mycel_runtime.fair_turns import (
    AT_ONCE,
    HALF_LIFE_SECONDS,
    SLOW_SECONDS,
    FairTurns,
    Share,
    fair_turns_of,
)


class Clock:
    """Set by hand."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Calls:
    """Of several agents; each ends when it is told to."""

    def __init__(self, tasks, turns):
        self._tasks, self._turns = tasks, turns
        self.begun = []
        self._ends = []
        self._began = asyncio.Event()

    def start(self, share, name):
        return self._tasks.create_task(self._call(share, name), name=name)

    async def _call(self, share, name):
        turn = await self._turns.take(share)
        self.begun.append(name)
        self._began.set()
        end = asyncio.Event()
        self._ends.append(end)
        try:
            await end.wait()
        finally:
            self._turns.give_back(turn)

    async def wait_begun(self, is_enough):
        async with asyncio.timeout(60):
            while not is_enough(self.begun):
                self._began.clear()
                await self._began.wait()

    async def end_one(self):
        self._ends.pop(0).set()
        await settled()

    async def end_all(self):
        while self._ends:
            await self.end_one()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def turns():
    return FairTurns(clock=Clock())


async def test_the_one_who_is_rarely_spoken_to_goes_before_all_that_the_greedy_have_waiting(turns):
    greedy, quiet = [turns.join() for _ in range(10)], turns.join()
    async with asyncio.TaskGroup() as tasks:
        calls = Calls(tasks, turns)
        for number, share in enumerate(greedy):
            for _ in range(8):
                calls.start(share, f"greedy-{number}")
        await settled()
        assert len(calls.begun) == AT_ONCE
        for _ in range(60):
            await calls.end_one()

        for _ in range(3):
            calls.start(quiet, "quiet")
            await settled()
            await calls.end_one()
            assert calls.begun[-1] == "quiet"
        await calls.end_all()


async def test_the_greedy_share_alike_however_much_each_has_waiting(turns):
    much, little = turns.join(), turns.join()
    async with asyncio.TaskGroup() as tasks:
        calls = Calls(tasks, turns)
        for _ in range(30):
            calls.start(much, "much")
        for _ in range(10):
            calls.start(little, "little")
        await settled()
        while len(calls.begun) < 20:
            await calls.end_one()

        assert abs(calls.begun.count("much") - calls.begun.count("little")) <= AT_ONCE
        await calls.end_all()
    assert calls.begun.count("much") == 30


async def test_what_was_called_long_ago_counts_no_more():
    reformed, steady = Share(), Share()
    for _ in range(1000):
        reformed.charge(0.0)
    for second in range(300):
        steady.charge(float(second))

    assert reformed.level < steady.level
    assert Share().level < reformed.level


async def test_a_call_counts_half_after_a_half_life():
    before, now = Share(), Share()
    for _ in range(8):
        before.charge(0.0)
    for _ in range(4):
        now.charge(HALF_LIFE_SECONDS)

    assert before.level == pytest.approx(now.level)


async def test_levels_stay_comparable_after_a_year():
    year, rare, often = 365 * 86_400.0, Share(), Share()
    rare.charge(year)
    for _ in range(3):
        often.charge(year)

    assert rare.level < often.level


async def test_calls_of_one_agent_go_in_order(turns):
    share = turns.join()
    async with asyncio.TaskGroup() as tasks:
        calls = Calls(tasks, turns)
        for number in range(10):
            calls.start(share, number)
            await settled()
        await calls.end_all()

    assert calls.begun == list(range(10))


async def test_calls_that_nobody_answers_hold_nobody_up():
    turns = FairTurns()
    hanging, other = turns.join(), turns.join()
    async with asyncio.TaskGroup() as tasks:
        calls = Calls(tasks, turns)
        for _ in range(2 * AT_ONCE):
            calls.start(hanging, "hanging")
        await settled()
        began_at = asyncio.get_running_loop().time()
        waiting = calls.start(other, "other")
        await calls.wait_begun(lambda begun: "other" in begun)
        assert asyncio.get_running_loop().time() - began_at >= SLOW_SECONDS / 2
        assert not waiting.done()
        await calls.wait_begun(lambda begun: len(begun) == 2 * AT_ONCE + 1)
        await calls.end_all()


async def test_whoever_is_cancelled_while_waiting_or_just_let_go_keeps_no_place(turns):
    share = turns.join()
    async with asyncio.TaskGroup() as tasks:
        calls = Calls(tasks, turns)
        for _ in range(AT_ONCE):
            calls.start(share, "first")
        await settled()
        waiting = [calls.start(share, "cancelled") for _ in range(3)]
        last = calls.start(turns.join(), "last")
        await settled()
        waiting[0].cancel()
        # The next one is let go, and cancelled before it has run.
        calls._ends.pop(0).set()
        await asyncio.sleep(0)
        waiting[1].cancel()
        waiting[2].cancel()
        await settled()
        assert "last" in calls.begun
        assert "cancelled" not in calls.begun

        await calls.end_all()
        assert last.done()
        for _ in range(AT_ONCE):
            calls.start(share, "again")
        await settled()
        assert calls.begun.count("again") == AT_ONCE
        await calls.end_all()


async def test_one_agent_alone_waits_for_nobody(turns):
    only = turns.join()
    assert not turns.is_shared
    another = turns.join()
    assert turns.is_shared
    del another
    assert not turns.is_shared
    del only


async def test_each_backend_has_turns_of_its_own():
    near, far = fair_turns_of("http://near"), fair_turns_of("http://far")

    assert near is fair_turns_of("http://near")
    assert near is not far


def test_a_share_for_which_nothing_waits_is_small():
    """Each agent of a process has two, and they are kept while it lives."""
    share = Share()
    assert not hasattr(share, "__dict__")
    assert sys.getsizeof(share) + sys.getsizeof(share.waiting) < 200
