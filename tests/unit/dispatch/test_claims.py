from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from mycel_runtime.dispatch.claims import CALL_SECONDS, CalledLanes, Informed, NoLane


class Journal:
    """Lanes with so many deliveries."""

    def __init__(self, **due):
        self.due = due
        self.asked = []

    async def claim(self, identity, *, limit, lane):
        self.asked.append(lane)
        if not self.due.get(lane):
            return []
        self.due[lane] -= 1
        return [SimpleNamespace(lane=lane)]

    async def claim_suspect(self, identity):
        return SimpleNamespace(lane="s") if self.due.pop("s", 0) else None


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def claims_of(clock):
    def make(journal):
        return CalledLanes(journal, "me", wake=lambda: None, steady=lambda: clock.now)

    return make


async def called(claims, *lanes):
    calls = [asyncio.get_running_loop().create_task(claims.drain(lane)) for lane in lanes]
    await asyncio.sleep(0)
    return calls


async def test_only_lanes_that_were_called_are_claimed_of_and_one_delivery_of_each(claims_of):
    claims = claims_of(journal := Journal(a=2, b=1, c=1))
    calls = await called(claims, "a", "b")
    claimed = await claims.claim(8)

    assert [each.lane for each in claimed] == ["a", "b"]
    assert await claims.claim(8) == []
    assert journal.asked == ["a", "b"]
    assert not any(call.done() for call in calls)


async def test_a_call_is_over_when_nothing_more_is_due_in_its_lane(claims_of):
    claims = claims_of(Journal(a=2))
    (call,) = await called(claims, "a")
    for _ in range(2):
        (delivery,) = await claims.claim(8)
        claims.note_end(delivery)
        assert not call.done()

    assert await claims.claim(8) == []
    await asyncio.wait_for(call, 1)


async def test_no_more_is_claimed_than_there_is_room_for(claims_of):
    claims = claims_of(Journal(a=1, b=1, c=1))
    await called(claims, "a", "b", "c")

    assert [each.lane for each in await claims.claim(2)] == ["a", "b"]
    assert [each.lane for each in await claims.claim(2)] == ["c"]


async def test_a_lane_with_much_to_do_lets_others_have_their_turn(claims_of, clock):
    claims = claims_of(Journal(a=9))
    (call,) = await called(claims, "a")
    (delivery,) = await claims.claim(8)
    clock.now = CALL_SECONDS
    claims.note_end(delivery)

    assert await claims.claim(8) == []
    await asyncio.wait_for(call, 1)


async def test_who_is_cancelled_while_a_lane_is_drained_cancels_nothing(claims_of):
    claims = claims_of(Journal(a=2))
    (call,) = await called(claims, "a")
    (delivery,) = await claims.claim(8)
    call.cancel()
    await asyncio.sleep(0)
    claims.note_end(delivery)

    assert len(await claims.claim(8)) == 1


async def test_two_calls_of_a_lane_are_one(claims_of):
    claims = claims_of(journal := Journal(a=1))
    calls = await called(claims, "a", "a")
    (delivery,) = await claims.claim(8)
    claims.note_end(delivery)
    await claims.claim(8)

    await asyncio.wait_for(asyncio.gather(*calls), 1)
    assert journal.asked == ["a", "a"]


async def test_nobody_waits_for_who_claims_nothing_more(claims_of):
    claims = claims_of(Journal(a=1))
    calls = await called(claims, "a")
    claims.close()
    await asyncio.wait_for(asyncio.gather(*calls), 1)

    await asyncio.wait_for(claims.drain("a"), 1)
    assert await claims.claim(8) == []


async def test_what_others_have_written_is_learnt_behind_a_claim_and_not_in_vain(claims_of):
    learnt = []

    async def learn():
        learnt.append(list(journal.asked))

    lanes = claims_of(journal := Journal(a=1, s=1))
    claims = Informed(lanes, learn)
    await called(lanes, "a")
    await claims.claim(8)
    await claims.claim(8)
    assert learnt == [["a"]]
    await claims.claim_suspect()
    await claims.claim_suspect()

    assert len(learnt) == 2
    assert await Informed(NoLane(), learn).claim(8) == ()
    assert len(learnt) == 2
