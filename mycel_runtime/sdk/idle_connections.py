"""
Connections that nobody uses just now: one client's, or those of all clients of a loop that go the same way.

A connection is nobody's: each request on it says who asks. Fifty agents that look at one backend every few seconds
find one that another has just used, where each alone would come too late for its own and connect anew, each time with
some sixty objects that refer to each other and wait for a look for garbage.

What makes another way (address, proxy and its credentials, authorities, client certificate) has connections of its
own. A request that fails, is cancelled or is not read to its end closes its connection: nobody else gets that one.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.sdk.transport import ClientUsageError

if TYPE_CHECKING:
    from mycel_runtime.sdk.loop_connection import LoopConnection

MOST_SECONDS: Final = 60.0
"""
A connection is made anew after so long, however often it is used.

With many who use it, it would never be idle, and last: a name that leads elsewhere by now, and a certificate that was
renewed, would be noticed by nobody.
"""


class IdleConnections:
    """
    On a stack, so that as few as possible are kept in use.

    Args:
        expiry: Seconds that one may be idle; `None`: for as long as it is good.
    """

    def __init__(self, *, expiry: float | None) -> None:
        self._expiry = expiry
        self._users = 0
        self._free: list[tuple[float, LoopConnection]] = []
        """With the time since when; the one used last lies on the right."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of the first request; who waits on another one for what comes on this waits in vain."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._free)

    def join(self) -> None:
        """Somebody begins to use them."""
        self._users += 1

    def leave(self) -> None:
        """Somebody uses them no more; `aclose` is to follow."""
        self._users -= 1

    async def aclose(self) -> None:
        """
        Close them if nobody uses them any more.

        Cancelling: leaves some open; another `aclose` goes on.
        """
        while self._free and not self._users:
            await self._free.pop()[1].aclose()

    def check_loop(self) -> None:
        """
        Whoever is about to use them is on the loop of the first request.

        Raises:
            ClientUsageError: An earlier request was made on another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientUsageError(
                "the client belongs to another event loop: make one for each `asyncio.run`"
            )

    async def retire(self) -> None:
        """Close what was idle for so long that it would not be used again."""
        now = time.monotonic()
        while self._expiry is not None and self._free and now - self._free[0][0] > self._expiry:
            await self._free.pop(0)[1].aclose()

    def take(self) -> LoopConnection | None:
        """The one that was used last; `None`: there is none."""
        return self._free.pop()[1] if self._free else None

    def is_spent(self, connection: LoopConnection) -> bool:
        """Whether it has lasted for so long that it is to be closed."""
        return time.monotonic() - connection.opened_at > MOST_SECONDS

    def put(self, connection: LoopConnection) -> None:
        """Nobody uses it any more: its last answer was read to the end."""
        self._free.append((time.monotonic(), connection))
