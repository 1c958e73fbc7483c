"""Whose turn it is."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.delivery import EventDelivery
from mycel_runtime.journal.hole import Hole
from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, OTHER, bury, claim, claim_one, entry, finish, happen, want


class ClaimConformance:
    async def test_longest_due_is_claimed_first(self, journal):
        for now, chat in ((3.0, "late"), (1.0, "early"), (2.0, "middle")):
            await want(journal, 1, now=now, chat=chat)

        assert [each.chat_id for each in await claim(journal, now=5.0, limit=2)] == ["early", "middle"]
        assert [each.chat_id for each in await claim(journal, now=5.0)] == ["late"]

    async def test_what_is_due_later_is_not_claimed(self, journal):
        await want(journal, 1, now=10.0)

        assert await claim(journal, now=9.9) == []
        assert await journal.next_due_at(ME, after=9.9) == 10.0
        assert await journal.next_due_at(ME, after=10.0) is None
        assert len(await claim(journal, now=10.0)) == 1

    async def test_what_waits_waits_no_longer_for_a_clock_that_was_set_back(self, journal):
        for chat, due_at in (("a", 107.0), ("b", 101.0), ("c", 40.0)):
            await want(journal, 1, now=due_at, chat=chat)
        await want(journal, 1, now=106.0, identity=OTHER)
        await at(journal, 52.0).rewind(ME, seconds=50.0)

        assert [each.chat_id for each in await claim(journal, now=52.0)] == ["c", "b"]
        assert await journal.next_due_at(ME, after=52.0) == 57.0
        assert await journal.next_due_at(OTHER, after=52.0) == 106.0

    async def test_a_hole_waits_no_longer_for_a_clock_that_was_set_back(self, journal):
        await want(journal, 5)
        hole = Hole(seq=4, noticed_at=100.0)
        move = CursorMove(handled_seq=5, holes=(hole,), hole_at=105.0)
        await at(journal, 100.0).finish(await claim_one(journal), move)
        await at(journal, 51.0).rewind(ME, seconds=50.0)
        assert await journal.next_due_at(ME, after=51.0) == 55.0
        await want(journal, 6, now=52.0)

        assert (await claim_one(journal, now=52.0)).holes == (hole,)

    async def test_no_more_than_the_limit_is_claimed(self, journal):
        for number in range(5):
            await want(journal, 1, chat=f"c{number}")

        assert [len(await claim(journal, limit=limit)) for limit in (0, 2, 9)] == [0, 2, 3]

    async def test_one_delivery_per_lane_at_a_time(self, journal):
        """Whatever is in it: chat work of two handlers, and an event."""
        await want(journal, 1, handler="p.one")
        await want(journal, 1, handler="p.two", now=1.0)
        await happen(journal, 1, lane="chat:c", now=2.0)
        seen = []
        for _ in range(3):
            delivery = await claim_one(journal, now=5.0)
            assert await claim(journal, now=5.0) == []
            seen.append(delivery.handler)
            await finish(journal, delivery, 1)

        assert seen == ["p.one", "p.two", "p.events"]

    async def test_a_busy_lane_does_not_hold_up_others(self, journal):
        await want(journal, 1)
        await claim_one(journal)
        await want(journal, 1, handler="p.two")
        await want(journal, 1, chat="d")

        assert [each.lane for each in await claim(journal)] == ["chat:d"]

    async def test_what_is_claimed_of_a_lane_is_its_own_and_one_at_a_time(self, journal):
        await want(journal, 1, now=1.0)
        await want(journal, 1, now=2.0, chat="d", handler="p.late")
        await want(journal, 1, now=1.5, chat="d", handler="p.soon")
        await want(journal, 1, now=9.0, chat="e")
        first = await claim(journal, now=5.0, lane="chat:d")
        assert [(each.lane, each.handler) for each in first] == [("chat:d", "p.soon")]
        assert await claim(journal, now=5.0, lane="chat:d") == []
        assert await claim(journal, now=5.0, lane="chat:e") == []
        assert await claim(journal, now=5.0, lane="chat:f") == []
        await finish(journal, first[0], 1)

        assert [each.handler for each in await claim(journal, now=5.0, lane="chat:d")] == ["p.late"]
        assert [each.lane for each in await claim(journal, now=5.0)] == ["chat:c"]

    async def test_lanes_are_due_of_which_something_can_be_claimed_now(self, journal):
        await want(journal, 1, now=3.0, chat="late")
        await want(journal, 1, now=1.0, chat="early")
        await want(journal, 1, now=2.0, chat="early", handler="p.more")
        await want(journal, 1, now=9.0, chat="later")
        await want(journal, 1, now=1.0, chat="theirs", identity=OTHER)
        await want(journal, 1, now=0.5, chat="runs")
        await want(journal, 1, now=0.5, chat="runs", handler="p.more")
        await claim_one(journal, now=0.5)

        assert await at(journal, 5.0).due_lanes(ME, limit=9) == ["chat:early", "chat:late"]
        assert await at(journal, 5.0).due_lanes(ME, limit=1) == ["chat:early"]
        assert len(await claim(journal, now=5.0)) == 2

    async def test_two_claims_at_once_never_share_a_delivery(self, journal):
        for number in range(20):
            await want(journal, 1, chat=f"c{number}")
        claimed = await asyncio.gather(*(claim(journal, limit=7) for _ in range(4)))

        ids = [each.delivery_id for group in claimed for each in group]
        assert (len(ids), len(set(ids))) == (20, 20)

    async def test_events_of_one_handler_in_one_lane_keep_their_order(self, journal):
        await happen(journal, 1, now=3.0)
        await happen(journal, 2, now=2.0)
        await happen(journal, 3, now=1.0)
        seen = []
        while claimed := await claim(journal, now=9.0):
            seen += [each.entry.seq for each in claimed]
            await finish(journal, claimed[0])

        assert seen == [1, 2, 3]

    async def test_a_postponed_event_holds_back_its_successors(self, journal):
        await happen(journal, 1, 2)
        first = await claim_one(journal)
        await journal.postpone(first, after=10.0, spend=True)

        assert await claim(journal, now=9.0) == []
        assert await journal.next_due_at(ME, after=9.0) == 10.0
        again = await claim_one(journal, now=10.0)
        assert (again.entry.seq, again.attempts) == (1, 1)

    async def test_revived_events_come_first_in_their_order_and_one_that_runs_is_not_overtaken(self, journal):
        await happen(journal, 1, 2, 3, 4)
        for _ in range(2):
            await bury(journal, await claim_one(journal))
        running = await claim_one(journal)
        for letter in reversed(await journal.dead_letters(ME)):
            assert await journal.revive(ME, letter.dead_letter_id)
        assert await claim(journal) == []
        await journal.postpone(running, after=0.0, spend=False)
        seen = []
        while claimed := await claim(journal):
            seen += [each.entry.seq for each in claimed]
            await finish(journal, claimed[0])

        assert (running.entry.seq, seen) == (3, [1, 2, 3, 4])

    async def test_what_waits_behind_a_postponed_event_counts_as_due_since_it_came(self, journal):
        await happen(journal, 1, 2, now=3.0)
        await journal.postpone(await claim_one(journal, now=3.0), after=7.0, spend=True)

        counted = await journal.statistics(ME)
        assert (counted.due, counted.oldest_due_at) == (2, 3.0)

    async def test_a_postponed_event_holds_back_nobody_else(self, journal):
        await happen(journal, 1)
        await journal.postpone(await claim_one(journal), after=10.0, spend=True)
        await happen(journal, 2, handler="p.others")
        other = await claim_one(journal, now=1.0)
        await finish(journal, other)
        await happen(journal, 3, lane="relationship:r")

        assert (other.entry.seq, (await claim_one(journal, now=1.0)).entry.seq) == (2, 3)

    async def test_a_claimed_event_carries_its_entry_as_it_came(self, journal):
        await happen(journal, 1, chat="c")
        delivery = await claim_one(journal)

        assert (type(delivery), delivery.entry, delivery.chat_id) == (EventDelivery, entry(1), "c")

    async def test_a_postponed_delivery_is_due_when_told(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)

        assert await journal.postpone(delivery, after=7.0, spend=False)
        assert await claim(journal, now=6.0) == []
        assert (await claim_one(journal, now=7.0)).due_at == 7.0

    @pytest.mark.parametrize(("spend", "attempts"), [(True, 2), (False, 0)])
    async def test_only_a_spent_attempt_counts(self, journal, spend, attempts):
        await want(journal, 1)
        for _ in range(2):
            await journal.postpone(await claim_one(journal), after=0.0, spend=spend)
        delivery = await claim_one(journal)

        assert (delivery.attempts, delivery.turn) == (attempts, 0)
