"""The slow engine keeps the port's promises: what fails on it elsewhere relies on more."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from mycel_runtime.errors import IdentityHeldError, LeaseLostError
from mycel_runtime.inbox.lease_keeper import LeaseKeeper
from mycel_runtime.journal.batch import Batch
from tests.engines.slow_journal import LONGEST_SECONDS, SlowJournal, Weather
from tests.integration.journal.conformance import JournalConformance
from tests.integration.journal.samples import ME, checkpoint, want


class TestSlowJournal(JournalConformance):
    """Every promise of the port."""


@pytest.fixture
async def open_journal(tmp_path, clock):
    async with contextlib.AsyncExitStack() as stack:

        def open_(folder=tmp_path):
            journal = SlowJournal(folder, weather=Weather(1), clock=clock)
            journal.open()
            stack.push_async_callback(journal.close)
            return journal

        yield open_


async def test_a_lease_that_nobody_renews_is_lost_when_another_one_follows_it(tmp_path, clock):
    journal = SlowJournal(tmp_path, weather=Weather(1), lease_seconds=9.0, clock=clock)
    await asyncio.to_thread(journal.open)
    async with _closed(journal):
        lease = await journal.lease(ME)
        clock.time = 8.0
        lease = await journal.renew(lease)
        clock.time = 16.0
        with pytest.raises(IdentityHeldError):
            await journal.lease(ME)
        clock.time = 17.0
        # Its time is over, and nobody has taken it.
        await journal.append(Batch(identity=ME, checkpoint=checkpoint(1)), lease=lease)
        theirs = await journal.lease(ME)
        with pytest.raises(LeaseLostError):
            await journal.renew(lease)
        with pytest.raises(LeaseLostError):
            await journal.append(Batch(identity=ME, checkpoint=checkpoint(2)), lease=lease)
        await journal.append(Batch(identity=ME, checkpoint=checkpoint(3)), lease=theirs)

        assert theirs.token > lease.token
        assert await journal.checkpoint(ME) == checkpoint(3)


async def test_whoever_keeps_a_lease_ends_when_it_is_lost(tmp_path, clock):
    """And not before: nobody is given one while it is renewed."""
    renewals = 0
    journal = SlowJournal(tmp_path, weather=Weather(1), lease_seconds=9.0, clock=clock)
    await asyncio.to_thread(journal.open)

    async def pass_by(seconds):
        nonlocal renewals
        clock.time += seconds
        renewals += 1
        if renewals > 20:
            clock.time += 9.0  # the holder stood still, and somebody else listens by now
            await journal.lease(ME)
            return
        with pytest.raises(IdentityHeldError):
            await journal.lease(ME)

    async with _closed(journal), asyncio.timeout(60):
        lease = await journal.lease(ME)
        # A clock that stood still with its machine: only the store can tell.
        keeper = LeaseKeeper(journal=journal, lease=lease, given_at=0.0, steady=lambda: 3.0, sleep=pass_by)
        with pytest.raises(LeaseLostError):
            await keeper.run()

    assert renewals == 21


@contextlib.asynccontextmanager
async def _closed(journal):
    try:
        yield
    finally:
        await journal.close()


@pytest.mark.parametrize("options", [{}, {"clock": time.time}], ids=["its own", "as a daemon's"])
async def test_now_is_behind_the_clock_that_verbs_read(tmp_path, options):
    """Else whoever takes it for the time that it is would be right by luck."""
    journal = SlowJournal(tmp_path, weather=Weather(1), **options)
    await asyncio.to_thread(journal.open)
    async with _closed(journal):
        told = journal.now()
        await want(journal, 1)
        (delivery,) = await journal.claim(ME, limit=1)

    assert delivery.due_at >= told + LONGEST_SECONDS
