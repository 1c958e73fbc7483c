"""
How many agents of a process start at a time.

A thousand that open their journals side by side are two thousand threads that wait for each other's turn at the
interpreter, and none is ready before nearly all are. One after the other, each would wait for the disk by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

AT_ONCE: Final = 32
"""Enough for a disk to sync many journals in one go. Source: measured."""

PATIENCE_SECONDS: Final = 1.0
"""For which one may keep others waiting: its disk may be full or slow, or somebody else may hold its journal."""


class Arrivals:
    """
    Lets agents in, in the order in which they come.

    Args:
        at_once: That may be on their way in.
        patience: Seconds until one that is still on its way keeps nobody any longer.
    """

    def __init__(self, *, at_once: int = AT_ONCE, patience: float = PATIENCE_SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._patience = patience

    @contextlib.asynccontextmanager
    async def let_in(self) -> AsyncIterator[Callable[[], None]]:
        """
        Wait for a place.

        Yields:
            What is to be called once the agent is in; the place is free at the end of the block in any case.

        Cancelling: takes no place.
        """
        await self._places.acquire()
        is_held = True

        def arrive() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._places.release()

        later = asyncio.get_running_loop().call_later(self._patience, arrive)
        try:
            yield arrive
        finally:
            later.cancel()
            arrive()
