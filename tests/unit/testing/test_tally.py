"""Whoever waits for more is woken once there is more, and not by what was there before."""

from __future__ import annotations

import asyncio

from mycel_runtime.testing.tally import Tally


async def test_what_has_happened_since_need_not_be_waited_for():
    tally = Tally()
    tally.note()
    assert await tally.exceeds(0, within=0.0)


async def test_what_was_known_is_no_news():
    tally = Tally()
    tally.note()
    assert not await tally.exceeds(1, within=0.0)


async def test_who_waits_is_woken():
    tally = Tally()
    asyncio.get_running_loop().call_soon(tally.note)
    assert await tally.exceeds(0, within=60.0)
    assert tally.count == 1
