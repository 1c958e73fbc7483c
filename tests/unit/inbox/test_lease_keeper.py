"""When a lease is renewed, and when whoever keeps it ends."""

from __future__ import annotations

import asyncio
import dataclasses
import math

import pytest

from mycel_runtime.errors import JournalError, LeaseLostError
from mycel_runtime.inbox.lease_keeper import LeaseKeeper
from mycel_runtime.journal.lease import Lease

LEASE = Lease(identity="me", token=1, lasts=12.0)


class EnoughError(Exception):
    """The test has seen what it wants."""


class Store:
    """Renews as it is told: each answer is an error, or how long the lease lasts from then on."""

    def __init__(self, *answers):
        self.now = 100.0
        self.asked_at = []
        self._answers = list(answers)

    async def renew(self, lease):
        self.asked_at.append(self.now)
        if not self._answers:
            raise EnoughError
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dataclasses.replace(lease, lasts=answer)

    async def sleep(self, seconds):
        assert seconds >= 0
        self.now += seconds

    def keeper(self, lease=LEASE, *, given_at=100.0):
        return LeaseKeeper(
            journal=self, lease=lease, given_at=given_at, steady=lambda: self.now, sleep=self.sleep
        )


async def test_a_lease_is_renewed_when_a_third_of_its_time_is_over():
    store = Store(12.0, 6.0)
    with pytest.raises(EnoughError):
        await store.keeper().run()

    assert store.asked_at == [104.0, 108.0, 110.0]


async def test_what_has_passed_since_it_was_asked_for_counts():
    store = Store()
    with pytest.raises(EnoughError):
        await store.keeper(given_at=97.0).run()

    assert store.asked_at == [101.0]


async def test_a_store_that_fails_is_asked_again_until_the_time_is_over():
    failed = JournalError("away")
    store = Store(12.0, *[failed] * 100)
    with pytest.raises(LeaseLostError):
        await store.keeper().run()

    assert store.asked_at == [104.0, *(108.0 + number for number in range(8))]
    assert store.now == 116.0


async def test_a_store_that_is_back_in_time_is_asked_in_a_third_of_the_time_again():
    store = Store(JournalError("away"), JournalError("away"), 12.0)
    with pytest.raises(EnoughError):
        await store.keeper().run()

    assert store.asked_at == [104.0, 105.0, 106.0, 110.0]


async def test_a_lost_lease_ends_it_at_once():
    store = Store(LeaseLostError("me"), 12.0)
    with pytest.raises(LeaseLostError):
        await store.keeper().run()

    assert store.asked_at == [104.0]


async def test_a_store_that_never_answers_is_not_waited_for_longer_than_the_lease_stands():
    class Silent(Store):
        async def renew(self, lease):
            await asyncio.Event().wait()

    store = Silent()
    lease = dataclasses.replace(LEASE, lasts=0.03)
    async with asyncio.timeout(60):
        with pytest.raises(LeaseLostError):
            await store.keeper(lease).run()


async def test_a_lease_for_as_long_as_the_journal_is_open_needs_no_keeper():
    store = Store()
    await store.keeper(dataclasses.replace(LEASE, lasts=math.inf)).run()

    assert store.asked_at == []
