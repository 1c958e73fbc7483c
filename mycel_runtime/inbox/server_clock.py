"""
What time it is at the server, at the least. Pure.

Our clock and the server's need not agree, and no call asks for its time. But whatever it has stamped was stamped
before it reached us: from then on its clock shows at least that stamp and what has passed here since.
"""

from __future__ import annotations

from typing import Final

_DRIFT: Final = 2e-4
"""Seconds per second that two clocks may part; several times what a bad crystal does."""


class ServerClock:
    """The latest lower bound; times of our own are of a clock that nobody sets."""

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._noted_at = 0.0

    def note(self, stamp: float, *, now: float) -> None:
        """
        The server has stamped something that is here now.

        Args:
            stamp: Its epoch seconds; an old one does no harm.
            now: Steady seconds.
        """
        earliest = self.earliest(now)
        if earliest is None or stamp >= earliest:
            self._ahead, self._noted_at = stamp - now, now

    def earliest(self, now: float) -> float | None:
        """The server's epoch seconds are at least these now; `None` if nothing is known. `now` in steady seconds."""
        if self._ahead is None:
            return None
        return now + self._ahead - _DRIFT * (now - self._noted_at)

    def forget(self) -> None:
        """Its clock may have been set back."""
        self._ahead = None
