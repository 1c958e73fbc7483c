"""The database's clock, as this process knows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class DatabaseClock:
    """
    Epoch seconds: what the database last told, and what has passed here since that arrived.

    So it is never ahead of the database, and behind it by no more than the answer took to arrive.

    Args:
        steady: Seconds, of this process.
    """

    def __init__(self, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._told = (0.0, 0.0)

    def note(self, now: float) -> None:
        """What the database has just told; also where it was set back."""
        self._told = (now, self._steady())

    def __call__(self) -> float:
        """What it shows; of a journal that is open."""
        now, told_at = self._told
        return now + self._steady() - told_at
