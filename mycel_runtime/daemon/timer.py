"""
What is done again and again, by the loop's own clock.

That clock only goes forward: whatever becomes of the wall clock, the time zone or its data, a timer rings. (People's
schedules, which mean the wall clock, are another matter.)
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JITTER: Final = 0.1
"""Of the interval, to either side: runtimes that started together must not ask together."""

_DICE: Final = random.SystemRandom()


async def every(
    seconds: float, work: Callable[[], Awaitable[object]], *, draw: Callable[[], float] = _DICE.random
) -> None:
    """
    Do `work` every `seconds`, for ever, one at a time; first after one interval.

    Work that takes longer than the interval is done again at once, and what it missed is not caught up with.

    Args:
        seconds: Between two beginnings, give or take `JITTER`.
        work: What to do.
        draw: Random numbers in [0, 1).

    Raises:
        Whatever `work` raises; the timer ends with it.

    Cancelling: passes through to `work`.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        interval = seconds * (1 + JITTER * (2 * draw() - 1))
        await asyncio.sleep(began + interval - loop.time())
        began = loop.time()
        await work()
