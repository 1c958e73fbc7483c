"""
How long to stay away from a server after a connection's end: the daemon's listener and `reconnect=True` alike. Pure.

Every end is followed by a wait with jitter, a resume and a reconcile (Q19). Ends differ only in the wait:

- a drop without a word says nothing of the server, most often it is our own network: full jitter, soon at first;
- an end that all clients of the server share (`is_shared`): we come back spread with all the others, and whoever
  came too early waits as after many failures;
- a `Retry-After` is a lower bound;
- a connection that we replace ourselves is replaced at once, a few times.

Only a connection that has lasted makes the waits small again.
"""

from __future__ import annotations

import errno
import re
from typing import Final

from mycel_runtime.backoff import exponential, honoured, patient_jitter, spread
from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError
from mycel_runtime.sdk.policy import PASSING_STATUSES

PAUSE_SECONDS: Final = 0.05
"""Between an end and the next connection, so that the server has noticed the end (Q11)."""

REPLACEMENTS_IN_A_ROW: Final = 3
"""Connections that we replace ourselves at once; more need a wait, for the ring may move on as fast as we ask."""

SHARED_CODES: Final = frozenset({1012, 1013})
"""The service restarts; try again later. Source: IANA, WebSocket Close Code Number Registry."""

SHARED_STATUSES: Final = PASSING_STATUSES | {429}
"""A proxy without a server behind it, or too many requests: nothing that `me` could explain (Q18)."""


class ReplacedError(ConnectionClosed):
    """We ended the connection ourselves, because another one will serve better."""

    def __init__(self, reason: str) -> None:
        super().__init__(1000, reason)


class ReconnectBackoff:
    """
    What one listener remembers of its connections' ends.

    Args:
        base: Seconds; the longest wait after the first end that says nothing of the server.
        cap: Seconds; no wait is longer, but for a `Retry-After`.
        stable_after: Seconds that a connection must last before the waits are small again.

    Attributes:
        failures: Ends in a row, since a connection last was stable.
    """

    def __init__(self, *, base: float, cap: float, stable_after: float) -> None:
        self._base = base
        self._cap = cap
        self._stable_after = stable_after
        self._end: Exception | None = None
        self._replacements = 0
        self._times_shared = 0
        self._is_at_once = False
        self.failures = 0

    def note(self, end: Exception, *, lasted: float) -> None:
        """
        A connection ended, or did not come about.

        Args:
            end: Why.
            lasted: Seconds that it stood; 0 if it never did.
        """
        if lasted >= self._stable_after:
            self.failures = self._replacements = self._times_shared = 0
        self._end = end
        self._is_at_once = isinstance(end, ReplacedError) and self._replacements < REPLACEMENTS_IN_A_ROW
        if self._is_at_once:
            self._replacements += 1
            return
        self.failures += 1
        self._times_shared += is_shared(end)

    @property
    def is_own_trouble(self) -> bool:
        """Whether no end since the last stable connection tells of the server: it may be there all the time."""
        return not self._times_shared and not isinstance(self._end, HandshakeError)

    def delay(self, draw: float) -> float:
        """
        Seconds until the next connection is tried.

        Args:
            draw: In [0, 1).
        """
        if self._is_at_once:
            return PAUSE_SECONDS
        asked = self._end.retry_after_seconds if isinstance(self._end, HandshakeError) else None
        delay = honoured(self._own_delay(draw), asked, cap=self._cap, draw=draw)
        return PAUSE_SECONDS + delay

    def _own_delay(self, draw: float) -> float:
        base, cap = self._base, self._cap
        is_patient = exponential(self.failures, base=base, cap=cap) >= cap
        if self._times_shared == 1 and is_shared(self._end) and not is_patient:
            return spread(cap=cap, draw=draw)
        if self._times_shared:
            return patient_jitter(1, base=cap, cap=cap, draw=draw)
        return patient_jitter(self.failures, base=base, cap=cap, draw=draw)


def _is_refused(cause: BaseException | None) -> bool:
    """By each of the host's addresses; of several, asyncio tells the errors in its text only."""
    numbers = set(re.findall(r"\[Errno (\d+)\]", str(cause))) if type(cause) is OSError else set()
    return isinstance(cause, ConnectionRefusedError) or numbers == {str(errno.ECONNREFUSED)}


def is_shared(end: Exception | None) -> bool:
    """Whether the server, and not we or the path between us, is the trouble: then everybody is told the same."""
    if isinstance(end, HandshakeError):
        return end.status_code in SHARED_STATUSES
    if isinstance(end, NotSentError):
        return _is_refused(end.__cause__)
    return isinstance(end, ConnectionClosed) and end.code in SHARED_CODES
