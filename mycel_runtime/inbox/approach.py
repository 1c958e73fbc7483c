"""
How the agents of a process come to one backend: a few at a time, and each is to be told first, and to ask then.

A thousand that connect at once, be it at their start or when their backend is back, would starve each other's
handshakes until their deadlines, and those that stand would ask for their lists meanwhile. What a stream tells is
heard as soon as it stands; what was there before, the lists say a little later.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mycel_runtime.lean_event import LeanEvent
from mycel_runtime.places import Places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HANDSHAKES_AT_ONCE: Final = 32
"""Far fewer than the 100 and more that a server's queue of connections holds, and more than one needs to be busy."""

LOOKS_AT_ONCE: Final = 16
"""Each is two calls, one after the other."""

PATIENCE_SECONDS: Final = 1.0
"""For which one handshake or look may keep others from theirs; a slow server answers nobody sooner for it."""

HEARING_FIRST_SECONDS: Final = 3.0
"""For which a look waits at most for handshakes of others; `[inbox] suspect_interval` is 5."""


class Approach:
    """
    To one backend.

    Args:
        handshakes, looks: How many there are at a time.
        hearing_first: As of `HEARING_FIRST_SECONDS`.
    """

    def __init__(
        self,
        *,
        handshakes: int = HANDSHAKES_AT_ONCE,
        looks: int = LOOKS_AT_ONCE,
        hearing_first: float = HEARING_FIRST_SECONDS,
    ) -> None:
        self._handshakes = Places(handshakes, patience=PATIENCE_SECONDS)
        self._looks = Places(looks, patience=PATIENCE_SECONDS)
        self._hearing_first = hearing_first
        self._coming = 0
        self._none_comes = LeanEvent()
        self._none_comes.set()

    @contextlib.asynccontextmanager
    async def to_connect(self) -> AsyncIterator[Callable[[], None]]:
        """
        Wait until a handshake may begin.

        Yields:
            What is to be called once the connection stands; the end of the block does in any case.

        Cancelling: none begins.
        """
        is_coming = True
        self._coming += 1
        self._none_comes.clear()

        def come() -> None:
            nonlocal is_coming
            if is_coming:
                is_coming = False
                self._coming -= 1
                if self._coming == 0:
                    self._none_comes.set()

        try:
            async with self._handshakes.taken() as give_back:

                def stands() -> None:
                    give_back()
                    come()

                yield stands
        finally:
            come()

    @contextlib.asynccontextmanager
    async def to_look(self) -> AsyncIterator[None]:
        """
        Wait until the look that follows a handshake may begin.

        Cancelling: none begins.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hearing_first):
                await self._none_comes.wait()
        async with self._looks.taken():
            yield
