"""When the next delivery becomes due by the clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.wire.ids import UserId

_LONGEST_WAIT_SECONDS: Final = 60.0
"""For a time to come, before the clock is looked at again: it may be set, and a machine may sleep meanwhile."""


def wait_until(due_at: float, *, now: float) -> float:
    """Seconds to wait for a time before the clock is looked at again; both are epoch seconds."""
    return min(max(0.0, due_at - now), _LONGEST_WAIT_SECONDS)


class DueTime:
    """
    Of one identity's deliveries. The journal is asked only once the time that was known is over.

    What it makes due before that it tells by itself, when it is committed, also while it is asked.

    Args:
        journal: Where deliveries are.
        me: The identity.
        clock: Epoch seconds.
    """

    def __init__(self, journal: DispatcherJournal, me: UserId, *, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._me = me
        self._clock = clock
        self._next_at = clock()

    def note(self, due_at: float) -> bool:
        """Something becomes due then, epoch seconds; whether that is before all that was known."""
        is_sooner = due_at < self._next_at
        if is_sooner:
            self._next_at = due_at
        return is_sooner

    def look_again(self, now: float) -> None:
        """Ask the journal next time: the clock was set to this."""
        self._next_at = now

    async def seconds_until(self, claimed_at: float) -> float | None:
        """
        To wait until something may be due that was not yet when we claimed; `None`: nothing becomes so.

        Args:
            claimed_at: What the clock showed just before, epoch seconds.

        Raises:
            JournalError: The journal failed.

        Cancelling: only with the dispatcher: what the journal knows is not noted any more.
        """
        if claimed_at >= self._next_at:
            self._next_at = math.inf
            due_at = await self._journal.next_due_at(self._me, after=claimed_at)
            if due_at is not None:
                self.note(due_at)
        return None if self._next_at == math.inf else wait_until(self._next_at, now=self._clock())
