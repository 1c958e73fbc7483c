"""How long to wait before the next try. Pure: the caller draws the dice."""

from __future__ import annotations

from typing import Final

LONGEST_RETRY_AFTER_SECONDS: Final = 3600.0
"""A server may ask for more, or a proxy in front of it for nonsense: nobody stays away longer for that."""


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


def patient_jitter(attempt: int, *, base: float, cap: float, draw: float) -> float:
    """
    As `full_jitter` while the ceiling grows; from then on, never below three quarters of the cap.

    Full jitter alone averages half the cap for ever: with base 1 s and cap 60 s up to 37 tries in ten minutes.
    With this floor there are at most 20, whatever the dice, and by the time it holds, the first draws have spread
    everybody.
    """
    ceiling = exponential(attempt, base=base, cap=cap)
    return ceiling * (0.75 + draw / 4 if ceiling >= cap else draw)


def spread(*, cap: float, draw: float) -> float:
    """
    Seconds to stay away for somebody who was sent away together with everybody else.

    A twelfth to five sixths of the cap: 5 to 50 s of 60. The registration of close code 1012 proposes 5 to 30 s; of a
    thousand clients spread over those 25 s, more than 50 come back in some one second. Whoever comes too early and
    then waits three quarters of the cap comes after all others.

    Source: IANA, WebSocket Close Code Number Registry, 1012.
    """
    return cap * (1 / 12 + draw * 0.75)


def honoured(delay: float, asked: float | None, *, cap: float, draw: float) -> float:
    """
    `delay`, but not before the server wants us back, nor in one instant with all the others whom it told the same.

    Args:
        delay: What we would have waited.
        asked: Seconds, of a `Retry-After`; bounded by `LONGEST_RETRY_AFTER_SECONDS`.
        cap: Seconds; three quarters of them are what comebacks are spread over.
        draw: In [0, 1).
    """
    if not asked:
        return delay
    return max(delay, min(asked, LONGEST_RETRY_AFTER_SECONDS) + draw * cap * 0.75)
