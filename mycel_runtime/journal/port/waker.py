"""Whoever claims and fires, as the store wakes it: now, or with the time at which there is something to do."""

from __future__ import annotations

from typing import Protocol


class Waker(Protocol):
    """
    Given to `on_work`; called on the loop.

    It remembers and no more: it may be called from within a verb, and for nothing. Times are epoch seconds by the
    store's clock.
    """

    def wake(self) -> None:
        """Something may have become due."""

    def wake_at(self, due_at: float) -> None:
        """A delivery becomes due then, if nobody changes that."""

    def fire_at(self, due_at: float) -> None:
        """A timer's time comes then, if nobody changes that."""
