"""Notices that the wall clock was set back, by a clock that nobody sets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SLACK_SECONDS: Final = 1.0
"""Two clocks are never read at the same instant."""


class ClockStepDetector:
    """
    Compares the clock that times are written down by with one that only goes forward.

    Set forward it is no concern of ours: what waits is due the sooner.

    Args:
        clock: Epoch seconds.
        steady: Seconds since whenever.
    """

    def __init__(self, clock: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady = steady
        self._offset = clock() - steady()

    def set_back(self) -> float:
        """By how many seconds the clock was set back since this was last asked; 0: it was not."""
        offset = self._clock() - self._steady()
        back = self._offset - offset
        if 0 < back <= _SLACK_SECONDS:
            return 0.0
        self._offset = offset
        return max(0.0, back)
