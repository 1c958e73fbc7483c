"""How long to wait before the next try. Pure: the caller draws the dice."""

from __future__ import annotations


def full_jitter(attempt: int, *, base: float, cap: float, draw: float) -> float:
    """
    Seconds to wait before try number `attempt + 1`.

    Anything from 0 to `min(cap, base * 2 ** (attempt - 1))`, so that clients who failed together do not
    come back together.

    Args:
        attempt: Failures so far, at least 1.
        base: Seconds; the ceiling after the first failure.
        cap: Seconds; never exceeded.
        draw: In [0, 1), drawn by the caller so that this stays pure.

    Source: contract 7.2, W11: the reference client retries in step.
    """
    return draw * exponential(attempt, base=base, cap=cap)


def exponential(attempt: int, *, base: float, cap: float) -> float:
    """Seconds after `attempt` failures without jitter: doubling from `base`, never above `cap`."""
    doublings = min(attempt - 1, 62)
    return float(min(cap, base * 2**doublings))


def half_jitter(attempt: int, *, base: float, cap: float, draw: float) -> float:
    """As `full_jitter`, but never below half the ceiling: for retries that must not come at once."""
    return exponential(attempt, base=base, cap=cap) * (0.5 + draw / 2)
