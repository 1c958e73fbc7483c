"""How often something has happened, to be waited for."""

from __future__ import annotations

import asyncio


class Tally:
    """
    A number that goes up.

    Attributes:
        count: How often, so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counted = asyncio.Event()

    def note(self) -> None:
        """Once more."""
        self.count += 1
        self._counted.set()

    async def exceeds(self, count: int, *, within: float) -> bool:
        """
        Whether it happens more often than that, within so many seconds.

        Cancelling: changes nothing.
        """
        if self.count <= count:
            self._counted.clear()
            # A timer costs half as much as a timeout's context, and is no error when it is over.
            end = asyncio.get_running_loop().call_later(within, self._counted.set)
            try:
                await self._counted.wait()
            finally:
                end.cancel()
        return self.count > count
