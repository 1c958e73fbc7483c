"""Whoever lost a claim changes nothing."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.batch import Batch
from tests.integration.journal.samples import (
    ME,
    arrivals,
    bury,
    checkpoint,
    claim_one,
    entry,
    event_work,
    finish,
    handle_through,
    happen,
    want,
)


class FencingConformance:
    @pytest.fixture
    async def stale(self, journal):
        """A claim that was lost to a later one."""
        await handle_through(journal, 2)
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.postpone(delivery, due_at=0.0, spend=False)
        await claim_one(journal)
        return delivery

    async def test_a_stale_claim_changes_nothing(self, journal, stale):
        before = await journal.statistics(ME)

        assert not await journal.postpone(stale, due_at=1e9, spend=True)
        assert not await finish(journal, stale, 5, wanted_seq=9)
        assert not await bury(journal, stale, 5)
        assert await journal.dead_letters(ME) == []
        assert await journal.statistics(ME) == before
        await journal.expect_end(ME)
        await journal.lease(ME, now=0.0)
        untouched = await claim_one(journal)
        assert (untouched.handled_seq, untouched.wanted_seq) == (2, 5)
        assert (untouched.turn, untouched.attempts) == (stale.turn, 0)

    async def test_a_stale_claim_of_an_event_changes_nothing(self, journal):
        await happen(journal, 1)
        stale = await claim_one(journal)
        await journal.postpone(stale, due_at=0.0, spend=False)
        delivery = await claim_one(journal)

        assert not await finish(journal, stale)
        assert not await bury(journal, stale)
        assert await journal.dead_letters(ME) == []
        assert await finish(journal, delivery)

    async def test_a_finished_event_cannot_end_twice(self, journal):
        await happen(journal, 1)
        delivery = await claim_one(journal)
        await finish(journal, delivery)

        assert not await finish(journal, delivery)
        assert not await bury(journal, delivery)
        assert await journal.dead_letters(ME) == []

    async def test_a_lease_recovers_what_was_running_without_spending_an_attempt(self, journal, successor):
        await want(journal, 5)
        await journal.postpone(await claim_one(journal), due_at=0.0, spend=True)
        await claim_one(journal)
        await journal.expect_end(ME)
        heir = await successor(journal)
        await heir.lease(ME, now=3.0)

        delivery = await claim_one(heir, now=3.0)
        assert (delivery.attempts, delivery.turn, delivery.due_at, delivery.wanted_seq) == (1, 0, 3.0, 5)

    async def test_a_predecessors_claim_is_stale_however_often_it_was_claimed(self, journal, successor):
        await want(journal, 5)
        before = await claim_one(journal)
        await journal.expect_end(ME)
        heir = await successor(journal)
        await heir.lease(ME, now=0.0)
        await claim_one(heir)

        assert not await finish(heir, before, 5)

    async def test_everything_committed_is_there_for_the_successor(self, journal, successor):
        batch = Batch(
            identity=ME, arrivals=arrivals(entry(1), events=[event_work()]), checkpoint=checkpoint(1)
        )
        await journal.append(batch, now=0.0)
        await handle_through(journal, 2, now=-1.0)
        heir = await successor(journal)
        await heir.lease(ME, now=0.0)

        assert await heir.checkpoint(ME) == checkpoint(1)
        assert list(await heir.marks(ME, epoch=1, limit=5)) == [1]
        assert (await claim_one(heir)).entry == entry(1)
