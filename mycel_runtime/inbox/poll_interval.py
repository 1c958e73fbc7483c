"""
How often the server is asked what it holds. Pure.

Often when there is reason to suspect the stream, and a minute longer: after each new connection, whose predecessor's
end may still deafen it (Q11), after frames went missing, while no stream stands, and while something is unread that
nobody announced. Then only as often as bounds how long a deaf stream goes unnoticed; and never more often where the
server limits the rate of requests, because each look takes the place of an answer.

What tells a deaf stream is the chat list. So the looks in between ask for that alone, and whole ones, which drain the
queue and compare the other lists, keep the longest interval.

Runtimes that have begun together, or come back together to a server that was restarted, shall not look together: the
first interval of a pace is drawn from all of it, and the following ones from its end.
"""

from __future__ import annotations

from typing import Final

SUSPECT_SECONDS: Final = 60.0
"""After the last suspicion; Q11 deafens a connection up to 50 s after the path of its predecessor died."""

JITTER: Final = 0.1
"""Of the interval; a look comes so much earlier, at most."""


class PollInterval:
    """
    The time between two looks, by a clock that nobody sets.

    Args:
        shortest: Seconds; looks lie no further apart while the stream is suspect.
        longest: Seconds; no two looks lie further apart, and no two whole ones. One below `shortest` holds for both.
        now: Seconds. The first look is that of the first connection, if that comes soon enough.
    """

    def __init__(self, *, shortest: float, longest: float, now: float) -> None:
        self.shortest = min(shortest, longest)
        self._longest = longest
        self._looked_at = self._whole_at = self._suspected_since = self._suspected_at = now
        self._draw = 1.0
        self._pace_before = 0.0

    def seconds_left(self, now: float, *, is_hurried: bool = True) -> float:
        """
        Until the next look is due; not above 0: it is.

        Args:
            now: Seconds.
            is_hurried: A suspicion is reason to look often.
        """
        pace, begun_at = self._pace(now, is_hurried=is_hurried)
        earliest = max(self._looked_at, begun_at)
        latest = min(earliest + pace, self._looked_at + self._longest)
        span = latest - earliest if pace != self._pace_before else JITTER * pace
        return latest - span * (1 - self._draw) - now

    def is_whole_due(self, now: float, *, is_hurried: bool = True) -> bool:
        """Whether a look that is due is to be a whole one, because the next one may come too late for that."""
        pace, _ = self._pace(now, is_hurried=is_hurried)
        is_suspect_next = pace == self.shortest and self._is_suspect(now + self.shortest)
        next_at = now + (self.shortest if is_suspect_next else self._longest)
        return next_at > self._whole_at + self._longest

    def suspect(self, now: float) -> None:
        """There is reason to look often."""
        if not self._is_suspect(now):
            self._suspected_since = now
        self._suspected_at = now

    def looked(
        self, now: float, draw: float, *, is_whole: bool, is_timed: bool = True, is_hurried: bool = True
    ) -> None:
        """
        A look is over.

        Args:
            now: Seconds.
            draw: In [0, 1): where in its span the next one is to lie.
            is_whole: It has asked for everything.
            is_timed: It was made because it was due, and not because something has happened.
            is_hurried: As of `seconds_left`.
        """
        self._pace_before = self._pace(now, is_hurried=is_hurried)[0] if is_timed else 0.0
        self._looked_at, self._draw = now, draw
        if is_whole:
            self._whole_at = now

    def _pace(self, now: float, *, is_hurried: bool) -> tuple[float, float]:
        """The interval, and since when it holds at the latest."""
        if not self._is_suspect(now):
            return self._longest, self._suspected_at + SUSPECT_SECONDS
        return (self.shortest, self._suspected_since) if is_hurried else (self._longest, self._looked_at)

    def _is_suspect(self, now: float) -> bool:
        return now - self._suspected_at < SUSPECT_SECONDS
