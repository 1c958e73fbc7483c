"""
When a delivery may run that was running when a process died.

Whether it killed the process nobody knows, unless it is the only suspect that runs when the next one dies. So
suspects run one at a time, after what is due elsewhere; other lanes go on meanwhile. None waits for ever: neither for
a daemon that is never idle, nor for a suspect that takes long.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.verdict import Failed
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import AnswerDelivery, EventDelivery, UtteranceDelivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.journal.suspicion import Suspect

DEATHS_LIMIT: Final = 3
"""Of the process, each with the delivery as the only suspect that ran; then it is given up."""

ALONE_SECONDS: Final = 30.0
"""A suspect that has run for so long lets the next one start."""

IDLE_SECONDS: Final = 20.0
"""A suspect waits so long at most for a moment in which nothing else runs or is due."""


def death_pause(retry_base: float) -> float:
    """
    Seconds that a suspect waits after a death that counts, times the square of their number, as of `Journal.recover`.

    Args:
        retry_base: As `[dispatch] retry_base`.
    """
    return 5 * retry_base


class Suspects:
    """
    Decides when it is one's turn.

    Args:
        count: How many there are when the process starts. If no other one lives beside it, no others come.
        clock: Seconds that only go forward.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._left = count
        self._clock = clock
        self._running: dict[DeliveryId, float] = {}
        self._known: set[Suspect] = set()
        self._waiting_since = clock()

    @property
    def are_waiting(self) -> bool:
        """Whether there is one that does not run; when nothing else runs or is due it may."""
        return self._left > len(self._running)

    def seconds_until_turn(self) -> float:
        """Until it is one's turn whatever else runs or is due; infinite when none waits."""
        if not self.are_waiting:
            return math.inf
        turn = self._waiting_since + IDLE_SECONDS
        if self._running:
            turn = max(self._running.values()) + ALONE_SECONDS
        return max(0.0, turn - self._clock())

    def recount(self, count: int) -> None:
        """So many there are now: processes beside this one have died, or have dealt with some."""
        if not self._left and count:
            self._waiting_since = self._clock()
        self._left = max(count, len(self._running))

    def unheard_of(self, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Those that there were not at the last look."""
        before, self._known = self._known, set(suspects)
        return [each for each in suspects if each not in before]

    def start(self, delivery: Delivery) -> None:
        """It runs from now on."""
        if delivery.suspicion is not None:
            self._running[delivery.delivery_id] = self._clock()

    def end(self, delivery: Delivery) -> None:
        """It runs no more."""
        if self._running.pop(delivery.delivery_id, None) is not None:
            self._waiting_since = self._clock()

    def clear(self, delivery: Delivery) -> None:
        """Its turn has ended, and it is no suspect any more."""
        self._left = max(0, self._left - (delivery.suspicion is not None))


def given_up(delivery: Delivery) -> Failed | None:
    """What becomes of a delivery that the process has died of too often; `None`: it may run."""
    suspicion = delivery.suspicion
    if suspicion is None or suspicion.deaths < DEATHS_LIMIT:
        return None
    reason = f"the process died {suspicion.deaths} times while nothing else was suspect"
    if isinstance(delivery, EventDelivery | UtteranceDelivery | AnswerDelivery):
        return Failed(letter=Letter(reason=reason), move=STAY, is_permanent=True)
    letter = Letter(reason=reason, message_ids=suspicion.message_ids, late=delivery.holes)
    # What came since it was last shown anything is none of this letter's. If it never was, the reading killed.
    wanted_seq = None if suspicion.through_seq is None else delivery.wanted_seq
    move = CursorMove(handled_seq=suspicion.through_seq, wanted_seq=wanted_seq)
    return Failed(letter=letter, move=move, is_permanent=True)
