"""Wakes whoever waits for work when the clock reaches a time, with one timer of the loop for many waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Alarm:
    """
    Rings once, at the earliest of the times that it was set to.

    Whoever waits often and seldom until the end would make and cancel a timer each time; cancelled ones lie about in
    the loop until their time has come. This one is left as it is while it rings early enough: too early is one look
    in vain.

    Args:
        ring: Called on the loop.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring when so many seconds are over, if not before."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._go_off)

    def cancel(self) -> None:
        """Ring no more, until it is set again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_off(self) -> None:
        self._timer = None
        self._ring()
