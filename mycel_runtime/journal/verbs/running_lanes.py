"""Which lanes have nothing to give, as far as that is known without a look into the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import Lane
    from mycel_runtime.journal.work import ChatWork
    from mycel_runtime.wire.ids import UserId


class RunningLanes:
    """
    Lanes of deliveries that were claimed from this journal, and of whose end it has not been told.

    A lane that is missing here costs a claim in vain. One that is here too long would cost what waits in it its turn;
    so it goes before anything of the delivery's end is written, and whoever tells of the end wakes.
    """

    def __init__(self) -> None:
        self._lanes: set[tuple[UserId, Lane]] = set()

    def note_claimed(self, deliveries: Iterable[Delivery]) -> None:
        """They run."""
        self._lanes.update((each.identity, each.lane) for each in deliveries)

    def note_end(self, delivery: Delivery) -> None:
        """Its end is about to be written, be it that it is due again."""
        self._lanes.discard((delivery.identity, delivery.lane))

    def keep_back(self, identity: UserId, hints: Sequence[ChatWork]) -> bool:
        """Whether there are hints, and each waits for the end of a delivery that runs."""
        return bool(hints) and all((identity, hint.lane) in self._lanes for hint in hints)
