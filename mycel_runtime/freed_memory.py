"""
Gives memory back to the system that this process has freed.

The C library keeps what is freed between what is in use: what a hundred journals have needed while they were awake
would stay for good. It is asked to give it back a while after somebody has freed much: once for all who have done so
meanwhile, because it goes through everything that is free, and allocating threads wait for it. Before that Python is
asked for garbage that refers to itself, as each connection of asyncio that was closed: whoever wakes next uses its
place, and not a new one.

It would make a heap for each thread, up to eight for each processor, and of those it gives back what lies between,
never the end: a MiB or more of each heap for good. So all threads of the daemon share one. That costs them nothing:
small objects are Python's own business, and SQLite's allocations wait for each other in SQLite already.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
from typing import Final

PAUSE_SECONDS: Final = 5.0
"""For more to be freed: whoever is quiet is often quiet with others."""

_MIDDLE_GENERATION: Final = 1

_M_ARENA_MAX: Final = -8
"""Source: `mallopt(3)`."""


def share_one_heap() -> None:
    """
    From here on, in this process: to be called before it starts a thread, because a heap that is there stays.

    Whoever has set `MALLOC_ARENA_MAX` knows better. What has no such call has no such heaps: macOS, and musl.
    """
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None and "MALLOC_ARENA_MAX" not in os.environ:
        limit(_M_ARENA_MAX, 1)


class FreedMemory:
    """
    Of this process. What has no such call gives back what it likes, as macOS or musl's C library.

    Args:
        pause_seconds: From the first note until memory is given back.
    """

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._is_noted = False
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def note(self) -> None:
        """Much has been freed; may be called in any thread, and returns at once."""
        with self._lock:
            if self._is_noted or self._trim is None:
                return
            self._is_noted = True
        timer = threading.Timer(self._pause_seconds, self._give_back)
        timer.name, timer.daemon = "freed-memory", True
        timer.start()

    def _give_back(self) -> None:
        # First: what is freed from here on may be missed, and wants another round.
        with self._lock:
            self._is_noted = False
        # Not among what is oldest: there may be a million objects, and the loop would wait.
        gc.collect(_MIDDLE_GENERATION)
        if self._trim is not None:
            self._trim(0)


FREED_MEMORY: Final = FreedMemory()
