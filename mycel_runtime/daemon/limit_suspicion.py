"""
Whether a 503 that says nothing is a limiter's, or that of a gateway without a server behind it. Pure.

nginx's `limit_req` says 503 unless it is configured otherwise, and so does haproxy where no server is up. One alone
does not tell. A limiter lets something through and refuses again, soon; where nothing passes for seconds, the server
is down. What passes afterwards, once, is the server that is back: a restart of a moment is no limit.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final

DOWN_SECONDS: Final = 8.0
"""
For which nothing passes: then the server is down.

Longer than a stream that may hold the only connection is let stand beside calls that all fail (a look's interval, 5
s): what they come to without it is known first.
"""

REMEMBERED_SECONDS: Final = 15.0
"""For which an answer after a refusal counts: what refuses again later may have another reason."""


class Suspicion(Enum):
    """What a refusal looks like."""

    UNCLEAR = auto()
    LIMIT = auto()
    OUTAGE = auto()


class LimitSuspicion:
    """
    What such refusals and the answers between them amount to.

    Attributes:
        since: Epoch seconds; of the first refusal that the last one has made clear.
        failures: How many refusals it has made clear, itself included; so far, while all is unclear.
    """

    def __init__(self) -> None:
        self._refused_since: float | None = None
        self._last_at = -math.inf
        self._last = Suspicion.UNCLEAR
        self._has_resumed = False
        self.since = 0.0
        self.failures = 0

    def refused(self, *, now: float) -> Suspicion:
        """A call was refused so; `now` in epoch seconds."""
        if self._refused_since is None:
            self._begin(now)
        if self._last is not Suspicion.UNCLEAR:
            self.since, self.failures = now, 0
        self.failures += 1
        self._last_at = now
        self._last = self._look_of(now)
        return self._last

    def answered(self) -> None:
        """The backend has answered a call."""
        if self._refused_since is not None:
            self._has_resumed = self._last is not Suspicion.OUTAGE
        self._refused_since = None

    def _begin(self, now: float) -> None:
        """The first refusal since an answer."""
        self._refused_since = now
        if not self._has_resumed or not 0.0 <= now - self._last_at < REMEMBERED_SECONDS:
            self._has_resumed, self._last = False, Suspicion.UNCLEAR
            self.since, self.failures = now, 0

    def _look_of(self, now: float) -> Suspicion:
        if self._refused_since is not None and now - self._refused_since >= DOWN_SECONDS:
            return Suspicion.OUTAGE
        return Suspicion.LIMIT if self._has_resumed else Suspicion.UNCLEAR
