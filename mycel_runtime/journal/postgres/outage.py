"""A database that is away is waited for: for as long as it takes, or somebody waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_PAUSES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Between attempts, in seconds; the last one again and again."""

_LONG_SECONDS: Final = 5.0
"""For so long no answer is waited for in silence."""


class Outage:
    """
    One that may come, while a group is carried out.

    Args:
        closing: Nobody waits any more.
        tell: Why it is away, each reason once, and for how many seconds it has been by then; then, without a reason,
            for how many it was.
    """

    def __init__(self, closing: threading.Event, tell: Callable[[str, float], None]) -> None:
        self._closing = closing
        self._tell = tell
        self._began = time.monotonic()
        self._pauses = 0
        self._told: set[str] = set()

    def goes_on(self, reason: str) -> bool:
        """
        Wait a while; false: nobody waits any more.

        Args:
            reason: Why the last attempt was in vain, in a line.
        """
        if self._closing.is_set():
            return False
        # The first loss of a connection may be over at once.
        if (self._pauses or self._seconds() > _LONG_SECONDS) and reason not in self._told:
            self._told.add(reason)
            self._tell(reason, self._seconds())
        self._closing.wait(_PAUSES[min(self._pauses, len(_PAUSES) - 1)])
        self._pauses += 1
        return True

    def end(self) -> None:
        """It is there."""
        if self._told:
            self._tell("", self._seconds())

    def _seconds(self) -> float:
        return time.monotonic() - self._began
