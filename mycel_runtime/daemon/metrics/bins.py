"""
A histogram's counts, for what is told several times for each message.

The library's own histogram takes two locks and looks at bound after bound: with the handful of durations that each
reply has, a fiftieth of what a reply costs. These have one writer each, a thread or the loop, and need no lock. Who
reads meanwhile may see a duration in the count and not yet in the sum, which the next scrape makes good.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFINITY: Final = "+Inf"


class Bins:
    """
    Durations of one kind under one set of labels.

    Args:
        bounds: Upper bounds, ascending, in seconds; what is longer than the last is counted beyond it.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts: list[int] | None = None
        """None before the first: most purposes and handlers of most agents have none."""
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """One more."""
        if self._counts is None:
            self._counts = self._nothing()
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    @property
    def sum(self) -> float:
        """Seconds, together."""
        return self._sum

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """How many were no longer than each bound, as the text formats have it."""
        from prometheus_client.utils import floatToGoString

        names = [*map(floatToGoString, self._bounds), _INFINITY]
        return list(zip(names, map(float, accumulate(self._counts or self._nothing())), strict=True))

    def _nothing(self) -> list[int]:
        return [0] * (len(self._bounds) + 1)
