"""When the server is looked at next: `poll_interval` decides; here are the clock, the dice and the wait."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Final

from mycel_runtime.inbox.poll_interval import PollInterval
from mycel_runtime.lean_event import LeanEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.settings import InboxSettings

DICE: Final = random.SystemRandom()
"""Of our own: a plugin may seed the global generator, and all instances would look in step."""


class LookSchedule:
    """
    Of one identity. Whoever waits for the next look sleeps until that is due.

    Args:
        settings: `[inbox]`.
        is_hurried: Whether a suspicion is reason to look often.
        steady: Seconds of a clock that nobody sets.
        draw: Random numbers in [0, 1).
    """

    def __init__(
        self,
        settings: InboxSettings,
        *,
        is_hurried: Callable[[], bool],
        steady: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._interval = PollInterval(
            shortest=settings.suspect_interval, longest=settings.reconcile_interval, now=steady()
        )
        self._is_hurried = is_hurried
        self._steady = steady
        self._draw = draw
        self._hastened = LeanEvent()

    @property
    def shortest(self) -> float:
        """Seconds between two looks, at most, while the stream is suspect."""
        return self._interval.shortest

    @property
    def seconds_left(self) -> float:
        """Until the next look is due; not above 0: it is."""
        return self._interval.seconds_left(self._steady(), is_hurried=self._is_hurried())

    @property
    def is_whole_due(self) -> bool:
        """Whether a look that is due is to be a whole one."""
        return self._interval.is_whole_due(self._steady(), is_hurried=self._is_hurried())

    async def wait_due(self) -> None:
        """
        Until a look is due; a suspicion makes that earlier.

        Cancelling: changes nothing.
        """
        while (left := self.seconds_left) > 0:
            self._hastened.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hastened.wait()

    def suspect(self) -> None:
        """There is reason to look often for a while."""
        self._interval.suspect(self._steady())
        self._hastened.set()

    def looked(self, *, is_whole: bool, is_timed: bool) -> None:
        """A look is over; as of `PollInterval`."""
        now, draw = self._steady(), self._draw()
        self._interval.looked(now, draw, is_whole=is_whole, is_timed=is_timed, is_hurried=self._is_hurried())
