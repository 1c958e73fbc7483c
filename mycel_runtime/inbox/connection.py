"""Which connection of the stream stands. The listener says so; whoever looks at the server asks."""

from __future__ import annotations

import asyncio


class CurrentConnection:
    """The subscription that stands, if one does; each has another number."""

    def __init__(self) -> None:
        self._count = 0
        self._replaced: asyncio.Future[str] | None = None

    @property
    def number(self) -> int | None:
        """Of the subscription that stands; `None` if none does, or another one is asked for."""
        return self._count if self._replaced is not None and not self._replaced.done() else None

    def begin(self) -> None:
        """A new one stands."""
        self._count += 1
        self._replaced = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """It is over."""
        self._replaced = None

    def replace_if(self, reason: str) -> None:
        """If there is a reason, end it, if there is one, so that a new one follows."""
        if reason and self._replaced is not None and not self._replaced.done():
            self._replaced.set_result(reason)

    async def wait_replaced(self) -> str:
        """
        Until another one is asked for; why.

        Cancelling: changes nothing.
        """
        assert self._replaced is not None
        return await asyncio.shield(self._replaced)
