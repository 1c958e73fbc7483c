"""
How often to ping, so that nothing on the way takes the stream for idle. Pure.

What stands between may end a connection through which nothing went for a while: proxy.py after 10 s, many after 60. A
ping that comes less often than that does not keep the stream alive, and the ends say nothing but "dropped". They are
told by their likeness: several in a row, all about equally long after the last byte. Then pings are sent at half that
time. A wrong guess costs small frames; the other way round the stream would stand for a part of the time only.

Not taken for it:

- an end with a reason that is not this one (a restart, a policy, our own ping's deadline);
- connections that all lasted equally long and were not quiet: a limit on their age, which no ping helps against.

The limit is forgotten slowly: after hours the configured interval is tried again, and one end is enough to go back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.errors import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDS: Final = 3
"""In a row, that must be alike."""

TOLERANCE: Final = 0.2
"""Of the longest; whoever ends idle connections looks at them every second or so."""

PING_SHARE: Final = 0.5
"""Of the limit: a ping that is late by as much again still comes in time."""

SHORTEST_SHARE: Final = 0.1
"""Of the configured interval, 2 s of 20; a gateway that allows less is no place for a stream."""

FORGET_SECONDS: Final = 6 * 3600.0

_IDLE_CODES: Final = frozenset({1000, 1001, 1005, 1006})
"""What ends a connection that was idle for too long: nothing at all, or a goodbye without a reason of its own."""


class _End(NamedTuple):
    """Seconds since the last byte came, and since the handshake."""

    quiet: float
    lasted: float


class QuietLimit:
    """
    What one stream's ends have taught.

    Args:
        ping_interval: Seconds; as configured, and never exceeded.

    Attributes:
        seconds: The limit as far as it is known; `None` if there seems to be none.
    """

    def __init__(self, *, ping_interval: float) -> None:
        self._configured = ping_interval
        self._shortest = ping_interval * SHORTEST_SHARE
        self._used = ping_interval
        self._learned_at = 0.0
        self._ends: tuple[_End, ...] = ()
        self.seconds: float | None = None

    def ping_interval(self, now: float) -> float:
        """
        Seconds between the pings of the connection that begins now.

        Args:
            now: Seconds of a clock that nobody sets.
        """
        is_forgotten = now - self._learned_at >= FORGET_SECONDS
        self._used = (
            self._configured if self.seconds is None or is_forgotten else self._ping_for(self.seconds)
        )
        return self._used

    def note(self, end: Exception, *, quiet: float, lasted: float, now: float) -> bool:
        """
        The connection that began last is over.

        Args:
            end: Why.
            quiet: Seconds from the last byte that came to the end.
            lasted: Seconds from the handshake to the end.
            now: As in `ping_interval`.

        Returns:
            Whether a limit was learned from it that is news.
        """
        if not self._may_be_idle(end, quiet):
            return False
        if self.seconds is not None and self._used == self._configured and _are_alike((quiet, self.seconds)):
            self._learned_at = now
            return False
        self._ends = (*self._ends, _End(quiet, lasted))[-ENDS:]
        limit = min(each.quiet for each in self._ends)
        if not self._tell_a_limit() or self._ping_for(limit) >= self._used:
            return False
        self.seconds, self._learned_at = limit, now
        self._ends = ()
        return True

    def _may_be_idle(self, end: Exception, quiet: float) -> bool:
        """A ping would have been answered in time; and a shorter interval than that of now can help."""
        is_drop = type(end) is ConnectionClosed and end.code in _IDLE_CODES
        return is_drop and self._shortest * (1 + TOLERANCE) <= quiet <= self._used * (1 + TOLERANCE)

    def _tell_a_limit(self) -> bool:
        quiet, lasted = [each.quiet for each in self._ends], [each.lasted for each in self._ends]
        is_age = _are_alike(lasted) and min(lasted) > max(quiet) * (1 + TOLERANCE)
        return len(self._ends) == ENDS and _are_alike(quiet) and not is_age

    def _ping_for(self, limit: float) -> float:
        return min(self._configured, max(self._shortest, limit * PING_SHARE))


def _are_alike(seconds: Iterable[float]) -> bool:
    values = list(seconds)
    return max(values) - min(values) <= TOLERANCE * max(values)
