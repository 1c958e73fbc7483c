"""Facts as numbers: how often each was told, and when last."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.observe.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.observe.facts import Fact


class Counters(Observer):
    """
    Counts facts by name.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self._last_at: dict[str, float] = {}

    @override
    def tell(self, fact: Fact) -> None:
        self.counts[fact.name] += 1
        self._last_at[fact.name] = self._clock()

    def last_at(self, name: str) -> float | None:
        """Epoch seconds of the last fact of this name; `None` before the first."""
        return self._last_at.get(name)
