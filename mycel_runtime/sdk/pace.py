"""
How fast a server that limits the rate of requests lets us ask, found out from what it refuses. Pure.

Nobody tells a client what the limit is, so it is felt for. A refusal begins a spell in which the calls go out one by
one, an interval apart. Refused again, the interval doubles; once some calls in a row were let through, the
time that they took tells the rate, whatever the limiter's kind: between two refusals a bucket gives as much as flows
into it. Then the interval creeps down, ever faster the longer nothing is refused, until it is refused again. How long
it is left alone before that depends on what a refusal costs: a `Retry-After` of a second stops all calls for one.

A `Retry-After` says when to come back, and nothing of a rate: a server in maintenance says it too, and takes whatever
comes afterwards. So one call probes at that time, and from its answer on the calls go out ever faster, as if nothing
had been. Only a refusal that follows answered calls tells of a limit.

Calls that wait go out in the order of their worth: what ends something comes before what begins something, and before
what merely looks. One in five goes to whoever waits longest, so that the least of them are late and never left out:
until the first look is over, the agent is not ready.

A 503 may be a limiter's or an outage's. A limiter lets something through now and then; where nothing was for seconds,
it counts as an outage, which is not ours to pace.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final

from mycel_runtime.backoff import LONGEST_RETRY_AFTER_SECONDS
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

OUTAGE_SECONDS: Final = 5.0
"""For which all is refused with a 503 that does not say until when: then it is no limit, the server is down."""

FORGET_SECONDS: Final = 600.0
"""Without a refusal: then the limit may be another one, or gone, and is found out anew."""

FIRST_INTERVAL_SECONDS: Final = 0.02
"""Between two calls, after the first refusal."""

LONGEST_INTERVAL_SECONDS: Final = 60.0

_SHORTEST_INTERVAL_SECONDS: Final = 0.005
"""A server that lets us ask faster than that is not felt as limiting."""

_PAUSES_PER_INTERVAL: Final = 20
"""Whoever is sent away for a second may ask twenty times in one, at a guess: so it begins, after the probe."""

_LONGEST_RETURN_SECONDS: Final = 0.5
"""Between the probe and the next call, however long the pause was; half as long between the two after that."""

_CAREFUL_INTERVAL_SECONDS: Final = 0.06
_RETURN_GAIN: Final = 0.15
"""Of each interval to the one before, once calls go out so fast that a limit might be met."""

_PROBE_SECONDS: Final = 1.0
"""For which a probe that nobody answers keeps the others waiting."""

_RETURNED_CALLS: Final = 32
_RETURNED_SECONDS: Final = 5.0
"""So many calls answered, or for so long, and none refused: whoever had sent us away limits nothing."""

_HELD_PAUSES: Final = 10
"""So many pauses go by until the interval is shortened again: a refusal costs a tenth of the time at most."""

_TELLING_CALLS: Final = 3
"""So many calls that were let through between two refusals tell the rate."""

_MARGIN: Final = 1.04
_COSTLY_MARGIN: Final = 1.25
"""Where a refusal stops all calls for longer than many calls take."""

_STEP: Final = 1.6
_STEP_OF_RETURN: Final = 1.8
_JITTER: Final = 0.1
_LONGEST_JITTER_SECONDS: Final = 1.0
_FASTEST_GAIN: Final = 0.25
_SEARCH_GAIN: Final = 0.1
_GAIN: Final = 0.01
_SEARCHED: Final = 1.15
_CALLS_PER_DOUBLING: Final = 10
_TURNS_PER_ELDEST: Final = 5


class Worth(enum.IntEnum):
    """What a call is worth while calls have to wait; the first goes first."""

    SEND = 0
    READ = 1
    """The proof that comes before a send."""
    HISTORY = 2
    """What a handler is shown, and whatever else is asked for by itself."""
    LOOK = 3
    """The lists that tell what a stream may have kept back."""
    DRAIN = 4


class Refusal(enum.Enum):
    """Whose refusal an error may be."""

    NONE = enum.auto()
    """No limit's."""
    SURE = enum.auto()
    """A limit's: nothing was carried out."""
    LIKELY = enum.auto()
    """A limit's or an outage's; probably nothing was carried out."""


@dataclass(eq=False, slots=True)
class Ticket:
    """
    A call that waits.

    Attributes:
        wake: Called when the wait may have changed.
        number: In the order of coming.
        granted_at: When it might go; infinity while it may not.
        is_pressing: It went as early as it could, so that its fate tells of the limit.
    """

    worth: Worth
    wake: Callable[[], None]
    number: int = 0
    granted_at: float = math.inf
    is_pressing: bool = False

    @property
    def is_granted(self) -> bool:
        """Whether the call may go."""
        return self.granted_at < math.inf

    def queue(self, number: int) -> None:
        """It waits behind those with a smaller number."""
        self.number = number

    def grant(self, now: float, *, is_pressing: bool) -> None:
        """Its turn has come."""
        self.granted_at, self.is_pressing = now, is_pressing
        self.wake()


class Pace:
    """
    The pace of one client, which is one agent's at one backend. Times are seconds of one clock that nobody sets.

    Attributes:
        is_limited: Whether calls have to wait for their turn.
        interval: Seconds between two calls; meaningless while nothing is limited.
        limited_since: When the spell began.
        refusals: Of the spell.
        has_resumed: Whether in this spell calls were let through between two refusals, as no outage does.
    """

    def __init__(self) -> None:
        self.is_limited = self.has_resumed = False
        self.interval = FIRST_INTERVAL_SECONDS
        self.limited_since = 0.0
        self.refusals = 0
        self._waiting: list[Ticket] = []
        self._numbers = 0
        self._turns = 0
        self._next_at = 0.0
        self._slowed_at = 0.0
        self._quiet_from = 0.0
        self._refused_since: float | None = None
        self._accepted = 0
        self._counted_from = 0.0
        self._held_until = 0.0
        self._goal: float | None = None
        self._is_returning = False
        self._sent_away_at = 0.0

    # Waiting

    def enter(self, ticket: Ticket) -> None:
        """Somebody wants to call."""
        self._numbers += 1
        ticket.queue(self._numbers)
        self._waiting.append(ticket)

    def leave(self, ticket: Ticket) -> None:
        """It waits no more, or has been granted its turn."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        self._wake_best()

    def grant(self, now: float) -> None:
        """Let the best of those who wait go, if it is time; all of them, once nothing is limited any more."""
        if self._is_over(now):
            self.forget()
        while self._waiting and not self.is_limited:
            self._let_go(self._best(), now)
        if self._waiting and now >= self._next_at:
            self._let_go(self._best(), now)
            self._wake_best()

    def wait_of(self, ticket: Ticket, now: float) -> float | None:
        """Seconds until its turn, as things are now; `None`: others come before, and it will be woken."""
        return max(0.0, self._next_at - now) if self._best() is ticket else None

    def pause(self, now: float) -> float:
        """Seconds for which nobody goes."""
        return max(0.0, self._next_at - now)

    # Outcomes

    def accepted(self, ticket: Ticket | None, *, now: float) -> None:
        """
        A call was let through.

        Args:
            ticket: As of `refused`.
            now: When.
        """
        self._refused_since = None
        if not self.is_limited or ticket is None or ticket.granted_at < self._slowed_at:
            return
        if self._is_returning:
            self._answered_return(now)
            return
        if not ticket.is_pressing:
            return
        self._accepted += 1
        is_searching = self._goal is not None and self.interval > self._goal * _SEARCHED
        if not is_searching and now < self._held_until:
            return
        gain = _SEARCH_GAIN if is_searching else _GAIN * 2 ** (self._accepted / _CALLS_PER_DOUBLING)
        self.interval *= 1.0 - min(gain, _FASTEST_GAIN)
        if self.interval < _SHORTEST_INTERVAL_SECONDS:
            self.forget()

    def refused(self, ticket: Ticket | None, *, asked: float | None, now: float, draw: float) -> None:
        """
        A call was refused.

        Args:
            ticket: Its own; `None`: it went before anything was limited.
            asked: Seconds, of a `Retry-After`.
            now: When.
            draw: In [0, 1): those who share a limit are to come back one by one.
        """
        pause = min(asked or 0.0, LONGEST_RETRY_AFTER_SECONDS)
        pause += min(_JITTER * pause, _LONGEST_JITTER_SECONDS) * draw
        if self._refused_since is None:
            self._refused_since = now
            self.has_resumed = self.is_limited
        if not self.is_limited:
            self._begin(pause, now)
        elif ticket is not None and ticket.granted_at >= self._slowed_at:
            self._learn(pause, now)
        else:
            # It went before we slowed down: that is known already.
            self.refusals += 1
            self._next_at = self._quiet_from = max(self._next_at, now + pause)
            if asked:
                self._counted_from = self._next_at
            return
        self.refusals += 1
        pause = max(pause, self.interval * (1.0 + _JITTER * draw))
        self._counted_from = now + (pause if asked else 0.0)
        self._next_at = self._quiet_from = now + pause
        self._held_until = self._next_at + _HELD_PAUSES * pause

    def is_outage(self, now: float) -> bool:
        """Whether so much was refused for so long, and nothing let through, that it is no limit."""
        return self._refused_since is not None and now - self._refused_since >= OUTAGE_SECONDS

    def is_proven(self, now: float) -> bool:
        """Whether it is a limit and no outage: it refuses again, or lasts, and calls are let through meanwhile."""
        if not self.is_limited or self._refused_since is not None:
            return False
        return self.has_resumed or now - self.limited_since >= OUTAGE_SECONDS

    def forget(self) -> None:
        """Nothing is limited any more, as far as anybody can tell."""
        self.is_limited = self._is_returning = False
        self._refused_since = None
        self._next_at = 0.0
        self._wake_best()

    def _is_over(self, now: float) -> bool:
        """Whether nothing is limited any more, as far as anybody can tell."""
        quiet = now - self._quiet_from
        if not self.is_limited or quiet >= FORGET_SECONDS:
            return self.is_limited
        if not self._is_returning or self.interval >= _SHORTEST_INTERVAL_SECONDS:
            return False
        return self._accepted >= _RETURNED_CALLS or quiet >= _RETURNED_SECONDS

    def _begin(self, pause: float, now: float) -> None:
        """A spell begins."""
        self.is_limited = True
        self.limited_since = now
        self.refusals = 0
        self._stay_away(pause, now)

    def _stay_away(self, pause: float, now: float) -> None:
        """Nothing is known but for how long, if that."""
        self._is_returning = bool(pause)
        self._sent_away_at = self._slowed_at = now
        self._accepted = 0
        self._goal = None
        self.interval = max(
            FIRST_INTERVAL_SECONDS, min(pause / _PAUSES_PER_INTERVAL, _LONGEST_RETURN_SECONDS)
        )

    def _answered_return(self, now: float) -> None:
        """Whoever was sent away, and has come back, was answered."""
        self._accepted += 1
        if self._accepted > 1:
            is_long = self.interval > _CAREFUL_INTERVAL_SECONDS
            self.interval *= 0.5 if is_long else 1.0 - _RETURN_GAIN
        self._next_at = min(self._next_at, now + self.interval)
        if self._is_over(now):
            self.forget()
        self._wake_best()

    def _learn(self, pause: float, now: float) -> None:
        """One that went at this pace is refused; who is only told to stay away longer learns nothing of a rate."""
        if self._accepted or not pause:
            self._slow(now, is_costly=pause > self.interval)
        elif self._is_returning:
            self._stay_away(pause, now)
        else:
            self._slowed_at = now

    def _slow(self, now: float, *, is_costly: bool) -> None:
        tried = self.interval
        if self._is_returning and self._accepted:
            self._bound_by_return(now)
        elif self._accepted >= _TELLING_CALLS:
            # A bucket of one has just refused what came a little too early; one that holds more was being emptied,
            # and only the mean of what it gave tells its rate. Nobody knows which it is.
            measured = max(tried, (now - self._counted_from) / self._accepted)
            self._goal = math.sqrt(tried * measured)
            self.interval = self._goal * (_COSTLY_MARGIN if is_costly else _MARGIN)
        else:
            self.interval = tried * (_STEP if self._accepted else 2.0)
            self._goal = None if is_costly else tried * 1.2
        self.interval = min(self.interval, LONGEST_INTERVAL_SECONDS)
        self._is_returning = False
        self._accepted = 0
        self._slowed_at = now

    def _bound_by_return(self, now: float) -> None:
        """
        Whoever came back was let through for a while, and is refused again.

        Either the calls came too fast in the end, or what a bucket had taken in while we stayed away was used up.
        """
        tried, count = self.interval, self._accepted
        soonest = max(tried, (now - self._counted_from) / count)
        latest = max(soonest, (now - self._sent_away_at) / count)
        if count == 1:
            self._goal = soonest * _STEP_OF_RETURN
            self.interval = max(self._goal, math.sqrt(soonest * latest))
        elif tried < _SHORTEST_INTERVAL_SECONDS:
            self._goal = soonest
            self.interval = math.sqrt(soonest * latest)
        else:
            self._goal = math.sqrt(tried * soonest)
            self.interval = self._goal * _COSTLY_MARGIN

    def _best(self) -> Ticket:
        if self._turns % _TURNS_PER_ELDEST == _TURNS_PER_ELDEST - 1:
            return self._waiting[0]
        return min(self._waiting, key=lambda ticket: (ticket.worth, ticket.number))

    def _let_go(self, ticket: Ticket, now: float) -> None:
        self._waiting.remove(ticket)
        idle = now - self._next_at
        is_pressing = idle < self.interval / 2
        if not is_pressing:
            self._counted_from += idle
        self._turns += 1
        is_probe = self._is_returning and not self._accepted
        self._next_at = now + (max(self.interval, _PROBE_SECONDS) if is_probe else self.interval)
        ticket.grant(now, is_pressing=is_pressing)

    def _wake_best(self) -> None:
        if self._waiting:
            self._best().wake()
