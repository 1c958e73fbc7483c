"""A store's clock, for tests in which time passes when they say so."""

from __future__ import annotations


class StoreClock:
    """It stands until it is set; epoch seconds."""

    def __init__(self, now=0.0):
        self.time = now

    def __call__(self):
        return self.time


def at(journal, now):
    """A journal that was opened with a `StoreClock`, which shows this time from now on; `None`: what it shows."""
    if now is not None:
        journal._clock.time = now
    return journal
