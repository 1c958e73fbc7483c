"""Whether the database that keeps the journal is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.daemon.lasting import Lasting
from mycel_runtime.observe.facts import DatabaseLost, DatabaseRegained

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.observe.facts import Fact


class DatabaseOutage(Lasting):
    """
    One that lasts, as the facts have it.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(DatabaseLost, DatabaseRegained, clock)
        self._told: DatabaseLost | None = None

    @override
    def tell(self, fact: Fact) -> None:
        super().tell(fact)
        if isinstance(fact, DatabaseLost):
            self._since = self._clock() - fact.waited
        self._told = fact if isinstance(fact, DatabaseLost) else None

    @property
    def lasts(self) -> bool:
        """Whether it is away."""
        return self._told is not None

    @property
    def waited(self) -> float:
        """Seconds since it began; 0: it is not away."""
        return self.seconds(self._clock()) or 0.0

    def problems(self, now: float) -> tuple[str, ...]:
        """What to tell the operator; nothing while the database is there."""
        told, seconds = self._told, self.seconds(now)
        if told is None or seconds is None:
            return ()
        return (f"the database {told.where} is away since {seconds:.0f} s, and is waited for: {told.reason}",)
