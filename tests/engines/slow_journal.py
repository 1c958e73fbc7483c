"""
An engine of the journal that keeps every promise of the port, and nothing beyond.

The embedded engine gives more than is promised: its verbs take effect in the order of their calls, and whoever is
woken claims in the same commit. What works by that luck works on no other engine. Here each verb waits before it
takes effect, and again before its caller is told, so that what is called side by side takes effect in any order; who
is woken is woken afterwards; what `record` writes is there as late as it may be; and what `now` says is behind the
clock that verbs read.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
import time

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.verbs.running_lanes import RunningLanes
from mycel_runtime.journal.verbs.speech import NEVER

LONGEST_SECONDS = 0.02
"""Of a wait. Most are far shorter."""

LEASE_SECONDS = 30.0
"""Longer than a test that takes a lease and keeps none, beside whatever else the machine does."""


class Weather:
    """
    How long each verb waits, and which one fails.

    Args:
        seed: Of the dice.
        fails_at: The store fails once, at the n-th moment before or after a verb has taken effect; 0: never.
    """

    def __init__(self, seed=None, *, fails_at=0):
        self.dice = random.Random(seed)
        self._left = fails_at

    async def wait(self):
        # Mostly next to nothing, sometimes long: so what was called later overtakes.
        await asyncio.sleep(LONGEST_SECONDS * self.dice.random() ** 6)

    def strike(self):
        """Between verbs: whether the store fails here."""
        self._left -= 1
        if self._left == 0:
            raise JournalError("the store failed")


class SlowWriter:
    """The embedded engine's writer; what is submitted to it takes effect late, and in any order."""

    def __init__(self, inner, weather):
        self._inner = inner
        self._weather = weather
        self._posted = []

    def open(self):
        self._inner.open()

    @property
    def is_at_rest(self):
        return self._inner.is_at_rest

    async def submit(self, operation):
        return await self._late(self._inner.submit, operation)

    async def commit(self, operation):
        return await self._late(self._inner.commit, operation)

    async def _late(self, run, operation):
        await self._weather.wait()
        self._weather.strike()
        self._write_posted()
        result = await run(operation)
        await self._weather.wait()
        self._weather.strike()
        return result

    def post(self, operation):
        self._posted.append(operation)

    async def close(self):
        self._write_posted()
        await self._inner.close()

    def _write_posted(self):
        posted, self._posted = self._posted, []
        for operation in posted:
            self._inner.post(operation)


class NoRunningLanes(RunningLanes):
    """
    None is known: what is heard wakes.

    To leave that out for a lane that runs, its end must come behind what was heard before it was called.
    """

    def keep_back(self, identity, hints):
        return False


class SlowJournal(SqliteJournal):
    """
    As the embedded one; without its luck, and with leases whose time ends.

    Args:
        weather: How long verbs take, and which one fails.
        lease_seconds: Of a lease that nobody renews.
    """

    def __init__(self, *arguments, weather=None, lease_seconds=LEASE_SECONDS, **options):
        super().__init__(*arguments, **options)
        self._writer = SlowWriter(self._writer, weather or Weather())
        self._running_lanes = NoRunningLanes()
        self._lease_seconds = lease_seconds
        # A clock that a test has given may stand: whoever was behind it would be so for ever.
        self._behind = LONGEST_SECONDS if options.get("clock", time.time) is time.time else 0.0
        self._ends = {}

    def now(self):
        return super().now() - self._behind

    async def lease(self, identity):
        if self._ends.get(identity, math.inf) <= self._clock():
            del self._leases[identity], self._ends[identity]
        given = await super().lease(identity)
        lease = self._leases[identity] = dataclasses.replace(given, lasts=self._lease_seconds)
        self._ends[identity] = self._clock() + self._lease_seconds
        return lease

    async def renew(self, lease):
        renewed = await super().renew(lease)
        await self._writer.submit(lambda _connection: None)
        self._require_own(lease, lease.identity)
        self._ends[lease.identity] = self._clock() + self._lease_seconds
        return renewed

    async def release(self, lease):
        await super().release(lease)
        if lease.identity not in self._leases:
            self._ends.pop(lease.identity, None)

    async def _make_due(self, operation, later=NEVER):
        return await self._and_wake(self._writer.submit(operation), later)

    async def _commit_due(self, operation, later=NEVER):
        return await self._and_wake(self._writer.commit(operation), later)

    async def _and_wake(self, ended, later):
        try:
            return await ended
        finally:
            self._wake()
            later.tell(self._wakers)
