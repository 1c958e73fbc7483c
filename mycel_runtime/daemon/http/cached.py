"""What is asked for by many and made by one: a value that stays good for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Value = TypeVar("Value")


class Cached(Generic[Value]):
    """
    A value that is made anew when it is asked for and too old.

    Args:
        make: Makes it; what it raises reaches whoever asked.
        seconds: For which it is good.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Value]], *, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._clock = clock
        self._kept: tuple[float, Value] | None = None
        self._making = asyncio.Lock()

    async def get(self) -> Value:
        """The value; one is made at a time, and whoever waits meanwhile gets the same."""
        async with self._making:
            if self._kept is None or self._clock() - self._kept[0] >= self._seconds:
                value = await self._make()
                self._kept = self._clock(), value
            return self._kept[1]

    def forget(self) -> None:
        """Make it anew for whoever asks next."""
        self._kept = None
