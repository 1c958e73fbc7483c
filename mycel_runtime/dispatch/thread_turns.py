"""
How soon the loop gets its turn beside handlers that run in threads of its process.

A thread that computes keeps the interpreter for 5 ms once another one wants it, and the loop wants it back after each
call that has let go of it, a hundred times for an answer: beside six handlers that compute, an answer of another
agent took eight seconds. While there is such a thread the loop is let in fifty times as soon. Not always: among the
loop and the journals' threads, which all wait most of the time, it would only cost changes.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH_SECONDS: Final = 0.0001
"""As of `sys.setswitchinterval`. Source: measured; less gains nothing, for it takes as long to wake a thread."""


class ThreadTurns:
    """Of the process; what it finds set is set again when the last thread has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._before = 0.0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """While a handler runs in this thread, be it abandoned."""
        with self._lock:
            if self._running == 0:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(SWITCH_SECONDS, self._before))
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    sys.setswitchinterval(self._before)


THREAD_TURNS: Final = ThreadTurns()
