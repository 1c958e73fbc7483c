"""
Keeps the right to listen, where it has to be renewed.

Each write of a listener names its lease and is refused without one. So the keeper does not guard what is written: it
sees to it that whoever has lost the right stops listening, though there is nothing to write, and that whoever has it
keeps it.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import JournalError, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.journal.port.listener import ListenerJournal

RENEWED_AFTER: Final = 1 / 3
"""Of its time; so two attempts may fail."""

TRIED_AGAIN_AFTER: Final = 1 / 12
"""Of its time, when the store has failed."""


class LeaseKeeper:
    """
    Renews one lease.

    Args:
        journal: Which has given it.
        lease: As it was given.
        given_at: When it was asked for, by `steady`: it ends no sooner than so many seconds after that.
        steady: Seconds of a clock that nobody sets. It may stand still while the machine sleeps; then the store tells
            at the next renewal that the lease is lost, and has refused what was written until then.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        *,
        journal: ListenerJournal,
        lease: Lease,
        given_at: float,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._given_at = given_at
        self._steady = steady
        self._sleep = sleep

    @property
    def is_for_good(self) -> bool:
        """Whether it lasts as long as the journal is open: then there is nothing to renew."""
        return math.isinf(self._lease.lasts)

    async def run(self) -> None:
        """
        Renew it again and again; returns at once if it lasts as long as the journal is open.

        Raises:
            LeaseLostError: It is somebody else's by now, or could not be renewed before its time was over.

        Cancelling: it stands until its time is over.
        """
        while not self.is_for_good:
            await self._sleep(max(0.0, self._left() - self._lease.lasts * (1 - RENEWED_AFTER)))
            while not await self._renew():
                await self._sleep(min(self._lease.lasts * TRIED_AGAIN_AFTER, self._left()))

    async def _renew(self) -> bool:
        """
        Whether the store could be asked.

        Raises:
            LeaseLostError: It is lost, or its time is over.
        """
        asked_at, left = self._steady(), self._left()
        if left <= 0:
            raise LeaseLostError(self._lease.identity)
        try:
            async with asyncio.timeout(left):
                self._lease = await self._journal.renew(self._lease)
        except TimeoutError as exc:
            raise LeaseLostError(self._lease.identity) from exc
        except JournalError:
            return False
        self._given_at = asked_at
        return True

    def _left(self) -> float:
        """Seconds for which it stands for sure."""
        return self._given_at + self._lease.lasts - self._steady()
