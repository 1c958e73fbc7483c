"""Notices what takes long while it does, with one timer for all of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class HangWatch:
    """
    Tells of each that is under way for so long.

    A timer for each would be set and cancelled for every call, and nearly none has ever gone off. This one is set by
    the first, and looks when it goes off how long the oldest has to go; it goes off once in vain after the last.

    Args:
        seconds: From the beginning of one until it is told.
        tell: Called on the loop.
    """

    def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._began_at: dict[object, float] = {}
        """The oldest first; by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> object:
        """Something begins; what names it to `end`."""
        loop = asyncio.get_running_loop()
        mark, now = object(), loop.time()
        self._began_at[mark] = now
        if self._timer is None:
            self._timer = loop.call_at(now + self._seconds, self._look)
        return mark

    def end(self, mark: object) -> bool:
        """It has ended; whether it was told."""
        return self._began_at.pop(mark, None) is None

    def stop(self) -> None:
        """Tell of nothing more."""
        self._began_at.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for mark, began_at in tuple(self._began_at.items()):
            due_at = began_at + self._seconds
            if due_at > loop.time():
                self._timer = loop.call_at(due_at, self._look)
                return
            del self._began_at[mark]
            self._tell()
