"""How long a database that is away is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_PAUSES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Between attempts, in seconds; the last one again and again."""


class Outage:
    """
    One that may come, while a group is carried out.

    Args:
        closing: Nobody waits any more.
        seconds: How long at most.
        tell: That it is away; then, for how many seconds it was.
    """

    def __init__(
        self, closing: threading.Event, seconds: float, tell: Callable[[float | None], None]
    ) -> None:
        self._closing = closing
        self._seconds = seconds
        self._tell = tell
        self._began = time.monotonic()
        self._pauses = 0

    def goes_on(self) -> bool:
        """Wait a while; false: long enough."""
        if time.monotonic() - self._began >= self._seconds or self._closing.is_set():
            return False
        # The first loss of a connection may be over at once.
        if self._pauses == 1:
            self._tell(None)
        self._closing.wait(_PAUSES[min(self._pauses, len(_PAUSES) - 1)])
        self._pauses += 1
        return True

    def end(self) -> None:
        """It is there."""
        if self._pauses > 1:
            self._tell(time.monotonic() - self._began)
