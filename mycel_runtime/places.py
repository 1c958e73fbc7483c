"""So many at a time, where one that is stuck is to keep nobody."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Places:
    """
    Bounds how many are under way, in the order in which they come.

    Args:
        at_once: So many.
        patience: Seconds until one that is still under way counts no longer.
    """

    def __init__(self, at_once: int, *, patience: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[Callable[[], None]]:
        """
        Wait for a place.

        Yields:
            What gives the place back; the end of the block does in any case.

        Cancelling: takes none.
        """
        await self._free.acquire()
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._free.release()

        later = asyncio.get_running_loop().call_later(self._patience, give_back)
        try:
            yield give_back
        finally:
            later.cancel()
            give_back()
