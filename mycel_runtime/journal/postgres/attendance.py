"""One open journal, as others see it: since when it is heard of, and whom it wakes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.wire.ids import UserId

BEATS_PER_LEASE: Final = 3
"""So two of them may fail."""


_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Subscription(NamedTuple):
    """Who is to be woken of whose work, and in which loop."""

    identity: UserId
    waker: Waker
    loop: asyncio.AbstractEventLoop


class Attendance:
    """
    Of one opening of a journal.

    Args:
        process_id: Its row's.
        lease_seconds: After so many seconds without a beat it is silent.
        note_time: Told what the database's clock shows.
        now: By that clock.
        began: By `begin_beat`, before its row was written.

    Attributes:
        subscriptions: Whom its listener wakes.
        in_touch_since: Its beats have come without a gap since then, by `now`: whoever was silent itself cannot tell
            that another one is, because the database may have been away for both.
    """

    def __init__(
        self,
        process_id: str,
        lease_seconds: float,
        note_time: Callable[[float], None],
        now: Callable[[], float],
        *,
        began: float,
    ) -> None:
        self.process_id = process_id
        self.lease_seconds = lease_seconds
        self.note_time = note_time
        self.now = now
        self.subscriptions: list[Subscription] = []
        self.in_touch_since = self._beaten_at = now()
        self._began = began

    @property
    def beat_seconds(self) -> float:
        """Between two beats."""
        return self.lease_seconds / BEATS_PER_LEASE

    @property
    def is_safe(self) -> bool:
        """
        Whether it is for sure not silent to anybody, and will not be for a third of a lease's life.

        By a clock that goes on while the machine sleeps; nothing is asked.
        """
        return self.begin_beat() - self._began <= self.lease_seconds - self.beat_seconds

    @staticmethod
    def begin_beat() -> float:
        """When a beat is about to be sent: it counts from no earlier, in seconds that pass also while it sleeps."""
        return time.clock_gettime(_STEADY)

    def note_beat(self, at: float, *, began: float | None) -> None:
        """
        It was in touch with the database, and heard of unless `began` is `None`.

        Args:
            at: By `now`.
            began: By `begin_beat`.
        """
        if at - self._beaten_at > self.lease_seconds:
            self.in_touch_since = at
        self._beaten_at = at
        self._began = self._began if began is None else began

    def finds_silent(self, other: Mapping[str, Any], now: float) -> bool:
        """
        Whether another process was not heard of for the life of its lease.

        Args:
            other: Its row.
            now: By the database's clock.
        """
        heard_at = max(other["seen_at"], self.in_touch_since)
        return bool(now - heard_at >= other["lease_seconds"])
