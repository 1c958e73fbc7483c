"""Whoever lost a claim changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import IdentityHeldError, LeaseLostError
from mycel_runtime.journal.batch import Batch
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    OTHER,
    arrivals,
    bury,
    chat_work,
    checkpoint,
    claim,
    claim_one,
    entry,
    event_work,
    finish,
    handle_through,
    happen,
    want,
)


class FencingConformance:
    async def test_one_at_a_time_listens(self, journal):
        lease = await journal.lease(ME)
        theirs = await journal.lease(OTHER)

        with pytest.raises(IdentityHeldError):
            await journal.lease(ME)
        assert (lease.identity, theirs.identity) == (ME, OTHER)
        asked = await asyncio.gather(*(journal.lease("third") for _ in range(3)), return_exceptions=True)
        assert sorted(type(each).__name__ for each in asked) == [*["IdentityHeldError"] * 2, "Lease"]

    async def test_whoever_lost_the_lease_writes_nothing_that_it_hears(self, journal):
        lost = await journal.lease(ME)
        await journal.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=lost)
        await journal.release(lost)
        heard = Batch(
            identity=ME,
            arrivals=arrivals(entry(2), events=[event_work()]),
            hints=(chat_work(3),),
            checkpoint=checkpoint(2),
        )
        with pytest.raises(LeaseLostError):
            await journal.append(heard, lease=lost)
        lease = await journal.lease(ME)
        with pytest.raises(LeaseLostError):
            await journal.append(heard, lease=lost)

        assert lease.token > lost.token
        assert await journal.checkpoint(ME) == checkpoint(1)
        assert (await journal.statistics(ME)).entries == 0
        assert await claim(journal) == []
        # What is lost is nobody's to give back.
        await journal.release(lost)
        assert await journal.append(heard, lease=lease) == 1

    async def test_a_renewed_lease_keeps_its_token_and_the_right_to_write(self, journal):
        lease = await journal.lease(ME)
        renewed = await journal.renew(lease)
        again = await journal.renew(renewed)

        assert (again.identity, again.token) == (ME, lease.token)
        assert again.lasts > 0
        with pytest.raises(IdentityHeldError):
            await journal.lease(ME)
        await journal.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=again)
        # As a listener does that was given it before it was renewed.
        await journal.append(Batch(identity=ME, checkpoint=checkpoint(2)), lease=lease)
        assert await journal.checkpoint(ME) == checkpoint(2)

    async def test_a_lost_lease_cannot_be_renewed(self, journal, successor):
        lost = await journal.lease(ME)
        await journal.release(lost)
        with pytest.raises(LeaseLostError):
            await journal.renew(lost)
        lease = await journal.lease(ME)
        with pytest.raises(LeaseLostError):
            await journal.renew(lost)
        heir = await successor(journal)
        with pytest.raises(LeaseLostError):
            await heir.renew(lease)

        assert (await heir.lease(ME)).token > lease.token

    async def test_a_lease_is_of_its_identity_only(self, journal):
        await journal.lease(ME)
        theirs = await journal.lease(OTHER)

        with pytest.raises(LeaseLostError):
            await journal.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=theirs)
        assert await journal.checkpoint(ME) is None

    async def test_a_predecessors_lease_is_lost_and_tokens_never_come_again(self, journal, successor):
        before = await journal.lease(ME)
        heir = await successor(journal)
        with pytest.raises(LeaseLostError):
            await heir.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=before)

        assert (await heir.lease(ME)).token > before.token

    @pytest.fixture
    async def stale(self, journal):
        """A claim that was lost to a later one."""
        await handle_through(journal, 2)
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.postpone(delivery, after=0.0, spend=False)
        await claim_one(journal)
        return delivery

    async def test_a_stale_claim_changes_nothing(self, journal, stale):
        before = await journal.statistics(ME)

        assert not await journal.postpone(stale, after=1e9, spend=True)
        assert not await finish(journal, stale, 5, wanted_seq=9)
        assert not await bury(journal, stale, 5)
        assert await journal.dead_letters(ME) == []
        assert await journal.statistics(ME) == before
        await journal.expect_end(ME)
        await journal.recover(ME)
        untouched = await claim_one(journal)
        assert (untouched.handled_seq, untouched.wanted_seq) == (2, 5)
        assert (untouched.turn, untouched.attempts) == (stale.turn, 0)

    async def test_a_stale_claim_of_an_event_changes_nothing(self, journal):
        await happen(journal, 1)
        stale = await claim_one(journal)
        await journal.postpone(stale, after=0.0, spend=False)
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
        await journal.postpone(await claim_one(journal), after=0.0, spend=True)
        await claim_one(journal)
        await journal.expect_end(ME)
        heir = await successor(journal)
        await at(heir, 3.0).recover(ME)

        delivery = await claim_one(heir, now=3.0)
        assert (delivery.attempts, delivery.turn, delivery.due_at, delivery.wanted_seq) == (1, 0, 3.0, 5)

    async def test_a_predecessors_claim_is_stale_however_often_it_was_claimed(self, journal, successor):
        await want(journal, 5)
        before = await claim_one(journal)
        await journal.expect_end(ME)
        heir = await successor(journal)
        await heir.recover(ME)
        await claim_one(heir)

        assert not await finish(heir, before, 5)

    async def test_everything_committed_is_there_for_the_successor(self, journal, successor):
        batch = Batch(
            identity=ME, arrivals=arrivals(entry(1), events=[event_work()]), checkpoint=checkpoint(1)
        )
        await append(journal, batch)
        await handle_through(journal, 2, now=-1.0)
        heir = await successor(journal)
        await heir.recover(ME)

        assert await heir.checkpoint(ME) == checkpoint(1)
        assert list(await heir.marks(ME, epoch=1, limit=5)) == [1]
        assert (await claim_one(heir, now=0.0)).entry == entry(1)
