"""Whose time counts: the store's."""

from __future__ import annotations

from typing import Protocol


class StoreClock(Protocol):
    """The journal, as everybody's clock."""

    def now(self) -> float:
        """
        Epoch seconds, by the store's clock as far as this process knows it.

        Never ahead of what a verb reads that is called from now on; behind by no more than it took to ask the store,
        unless its clock is set. No verb takes it as the time that it is: what is due is so by the time at which a
        verb takes effect. It is for what callers reckon with: how long ago something was, and when somebody is to be
        called.
        """
