"""One open journal, as others see it: since when it is heard of, and whom it wakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from mycel_runtime.journal.port.waker import Waker
    from mycel_runtime.wire.ids import UserId

BEATS_PER_LEASE: Final = 3
"""So two of them may fail."""


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
    ) -> None:
        self.process_id = process_id
        self.lease_seconds = lease_seconds
        self.note_time = note_time
        self.now = now
        self.subscriptions: list[Subscription] = []
        self.in_touch_since = self._beaten_at = now()

    @property
    def beat_seconds(self) -> float:
        """Between two beats."""
        return self.lease_seconds / BEATS_PER_LEASE

    def note_beat(self, at: float) -> None:
        """It was heard of."""
        if at - self._beaten_at > self.lease_seconds:
            self.in_touch_since = at
        self._beaten_at = at
