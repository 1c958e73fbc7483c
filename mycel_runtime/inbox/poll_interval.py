"""
How often the server is asked what it holds. Pure.

Often when there is reason to suspect the stream, and a minute longer: after each new connection, whose predecessor's
end may still deafen it (Q11), after frames went missing, while no stream stands, and while something is unread that
nobody announced. Then only as often as bounds how long a deaf stream goes unnoticed; and never more often where the
server limits the rate of requests, because each look takes the place of an answer.
"""

from __future__ import annotations

from typing import Final

SUSPECT_SECONDS: Final = 60.0
"""After the last suspicion; Q11 deafens a connection up to 50 s after the path of its predecessor died."""

_LATEST_RING: Final = 1.1
"""Of the shortest interval: when the timer rings next at the latest, with its jitter."""


class PollInterval:
    """
    The time between two looks.

    Args:
        shortest: Seconds; the timer rings as often.
        longest: Seconds; no two looks lie further apart. One below `shortest` holds for both.
    """

    def __init__(self, *, shortest: float, longest: float) -> None:
        self.shortest = min(shortest, longest)
        self._longest = longest
        self._looked_at = 0.0
        self._suspected_at = 0.0

    def is_due(self, now: float, *, is_hurried: bool = True) -> bool:
        """
        Whether to look now, because at the timer's next ring it would be too late.

        Args:
            now: Seconds.
            is_hurried: A suspicion is reason to look often.
        """
        elapsed = now - self._looked_at
        is_suspect = is_hurried and 0 <= now - self._suspected_at < SUSPECT_SECONDS
        interval = self.shortest if is_suspect else self._longest
        return elapsed < 0 or elapsed + _LATEST_RING * self.shortest > interval

    def suspect(self, now: float) -> None:
        """There is reason to look often."""
        self._suspected_at = now

    def looked(self, now: float) -> None:
        """A look is over."""
        self._looked_at = now
