"""
`asyncio.Event` for what there is one of for each agent, and mostly nobody waits for.

Until Python 3.13 at least, the standard library's makes room for 64 who wait when it is made: half a KiB, and by the
pages that such pieces keep from being given back, several. An agent has some ten of them.
"""

from __future__ import annotations

import asyncio
from typing import Literal


class LeanEvent:
    """As `asyncio.Event`, on one loop."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: tuple[asyncio.Future[None], ...] = ()

    def is_set(self) -> bool:
        """Whether it is."""
        return self._is_set

    def set(self) -> None:
        """Let everybody go on who waits by now, and whoever will until `clear`."""
        self._is_set = True
        for each in self._waiting:
            if not each.done():
                each.set_result(None)

    def clear(self) -> None:
        """Let whoever comes from here on wait for the next `set`."""
        self._is_set = False

    async def wait(self) -> Literal[True]:
        """
        Until it is set; at once if it is.

        Cancelling: changes nothing.
        """
        if self._is_set:
            return True
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = (*self._waiting, mine)
        try:
            await mine
        finally:
            self._waiting = tuple(each for each in self._waiting if each is not mine)
        return True
