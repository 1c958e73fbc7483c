"""Whether a number grows: a line through its samples, and how sure it is. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

SURE = 3.0
"""Standard errors by which a growth must exceed its bound: less may be chance."""


@dataclass(frozen=True)
class Trend:
    """
    A line through samples.

    Attributes:
        growth: From the first to the last sample, along the line.
        error: Its standard error.
        hours: Between them.
    """

    growth: float
    error: float
    hours: float

    @property
    def per_hour(self):
        """The slope."""
        return self.growth / self.hours

    def exceeds(self, bound):
        """Whether it has surely grown by more than this."""
        return self.growth - SURE * self.error > bound


def trend(samples):
    """
    The line of least squares.

    Args:
        samples: Pairs of seconds and values, three at least.
    """
    count = len(samples)
    mean_at = sum(at for at, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    slope = sum((at - mean_at) * (value - mean) for at, value in samples) / spread
    left = sum((value - mean - slope * (at - mean_at)) ** 2 for at, value in samples)
    seconds = samples[-1][0] - samples[0][0]
    error = math.sqrt(left / (count - 2) / spread) * seconds
    return Trend(growth=slope * seconds, error=error, hours=seconds / 3600)
