"""A limit of requests refuses what a turn asks for: how long the turn goes on asking, at the client's pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mycel_runtime.sdk.pace import Refusal
from mycel_runtime.sdk.policy import refusal_of
from mycel_runtime.speech.interrupts import UNANSWERED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.errors import ApiError
    from mycel_runtime.sdk import AsyncClient

_LONGEST_SECONDS: Final = 60.0
"""For which a run repeats at the client's pace what a limit of requests refuses; a handler's time ends later."""


def limit_ends_at() -> float:
    """Until then a run waits for a limit of requests; the loop's time."""
    return asyncio.get_running_loop().time() + _LONGEST_SECONDS


def limit_pause(
    sdk: AsyncClient, error: ApiError, ends_at: float, *, at: float | None = None
) -> float | None:
    """
    Seconds until the client may ask again whoever limits it and has refused; `None`: nobody has, or for too long.

    Args:
        sdk: Whose pace is limited.
        error: The answer.
        ends_at: As of `limit_ends_at`.
        at: When it came, in the loop's time; now if it is not given.
    """
    if not sdk.pace.is_limited or refusal_of(error) is Refusal.NONE:
        return None
    now = asyncio.get_running_loop().time()
    again_at = (now if at is None else at) + (error.retry_after_seconds or 0.0)
    return max(0.0, again_at - now) if again_at < ends_at else None


async def ask_at_pace(sdk: AsyncClient, ask: Callable[[], Awaitable[object]]) -> None:
    """
    Do what may be done twice, again and again while a limit refuses it; the client keeps its pace.

    Raises:
        ApiError: It failed for something else, or the limit goes on for too long.

    Cancelling: as of `ask`.
    """
    ends_at = limit_ends_at()
    while True:
        try:
            await ask()
        except UNANSWERED as exc:
            if (pause := limit_pause(sdk, exc, ends_at)) is None:
                raise
            await asyncio.sleep(pause)
        else:
            return
