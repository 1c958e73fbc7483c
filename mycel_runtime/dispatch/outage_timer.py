"""How long it has been in vain: for one delivery, and for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.verdict import Overtaken, Paused, Quarantined, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.ids import DeliveryId


class OutageTimer:
    """
    Measures what the next try has to wait for.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answered_at = clock()
        self._since: dict[DeliveryId, float] = {}

    def note(self, delivery_id: DeliveryId, result: Result) -> float:
        """
        How a run ended.

        Returns:
            Seconds since the delivery was first in vain, or the backend last gave a usable answer to anybody: one
            broken chat must not be asked as often as the others answer.
        """
        now = self._clock()
        if not isinstance(result, Unanswered | Quarantined | Paused):
            self._answered_at = now
        if not isinstance(result, Unanswered | Overtaken):
            self._since.pop(delivery_id, None)
            return 0.0
        return max(now - self._since.setdefault(delivery_id, now), now - self._answered_at)
