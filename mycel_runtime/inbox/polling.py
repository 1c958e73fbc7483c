"""
Why no stream stands, and whether looks carry the service meanwhile. Does no I/O.

Told to the operator once for each cause and outage, not at each try: that the stream cannot be had, why, what to do
about it, and that messages are polled for; and when it is over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import PollingBegun, PollingEnded

if TYPE_CHECKING:
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.sdk.cause import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTrouble:
    """
    Why no stream stands.

    Attributes:
        cause: In the operator's vocabulary; `None` if there is no word for it.
        reason: As the log has it.
        since: Epoch seconds.
        is_refused: The last try has failed, or none can help; if not, the next one may well succeed.
        is_polled: A look has been answered since: messages come late, and they come.
    """

    cause: Cause | None
    reason: str
    since: float
    is_refused: bool
    is_polled: bool = False


class Polling:
    """
    What one stream's ends and the looks between them amount to.

    Args:
        interval: Seconds between looks while no stream stands, for the log.

    Attributes:
        trouble: Why no stream stands; `None` while one does, and before the first try has failed.
    """

    def __init__(self, *, interval: float) -> None:
        self._interval = interval
        self._told: StreamTrouble | None = None
        self.trouble: StreamTrouble | None = None

    def ended(self, cause: Cause | None, reason: str, *, is_refused: bool, now: float) -> None:
        """
        A stream has ended, or could not be had.

        Args:
            cause: As of `StreamTrouble`.
            reason: Likewise.
            is_refused: Likewise.
            now: Epoch seconds.
        """
        if self.trouble is None:
            self.trouble = StreamTrouble(cause=cause, reason=reason, since=now, is_refused=is_refused)
        else:
            self.trouble = replace(self.trouble, cause=cause, reason=reason, is_refused=is_refused)

    def looked(self) -> Fact | None:
        """A look was answered while no stream stood; what is news of it."""
        if self.trouble is None:
            return None
        trouble = self.trouble = replace(self.trouble, is_polled=True)
        is_told = self._told is not None and self._told.cause is trouble.cause
        if is_told or not trouble.is_refused:
            return None
        self._told = trouble
        return PollingBegun(
            cause=trouble.cause.value if trouble.cause else "unknown",
            reason=trouble.reason,
            fix=trouble.cause.fix if trouble.cause else "",
            interval=self._interval,
        )

    def connected(self, *, now: float) -> Fact | None:
        """A stream stands, and serves; what is news of it."""
        told, trouble = self._told, self.trouble
        self._told = self.trouble = None
        if told is None or trouble is None:
            return None
        return PollingEnded(lasted=round(now - trouble.since, 3))
