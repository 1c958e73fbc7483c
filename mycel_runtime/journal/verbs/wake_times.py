"""When there is something to do because of a verb, as a writer tells it behind the verb's commit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.port.waker import Waker


@dataclass(slots=True)
class WakeTimes:
    """
    Of one verb.

    Attributes:
        due_at: When a delivery becomes due, epoch seconds; infinity: none does later.
        timer_at: When a timer's time comes; likewise.
    """

    due_at: float = math.inf
    timer_at: float = math.inf

    @classmethod
    def of_end(cls, move: CursorMove, changes: Changes) -> WakeTimes:
        """Of a turn: its holes are looked for, and what it has planned comes."""
        return cls(math.inf if move.hole_at is None else move.hole_at, first_of(changes))

    def note_due(self, due_at: float) -> None:
        """In the transaction; of one that is run again the last word counts."""
        self.due_at = due_at

    def tell(self, wakers: Iterable[Waker]) -> None:
        """Everybody who waits."""
        for waker in wakers:
            if self.due_at < math.inf:
                waker.wake_at(self.due_at)
            if self.timer_at < math.inf:
                waker.fire_at(self.timer_at)


def first_of(changes: Changes) -> float:
    """When the first timer of these is due; infinity: there is none."""
    return min([timer.due_at for timer in changes.timers], default=math.inf)
