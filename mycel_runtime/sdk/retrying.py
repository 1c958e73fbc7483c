"""The tries of a call after its first one, of both drivers: `policy` decides, this carries out."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mycel_runtime.errors import ApiError
from mycel_runtime.observe.facts import CallRetried
from mycel_runtime.sdk.policy import may_repeat, retry_delay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk.calls import Call

T = TypeVar("T")

_DICE: Final = random.SystemRandom()
"""Of our own: whoever uses the SDK may seed the global generator."""


class Tries:
    """
    Those of one call.

    Args:
        call: What is tried.
        retries: Tries after the first.
        observer: Told of each of these, before its pause.
    """

    def __init__(self, call: Call[Any], retries: int, observer: Observer) -> None:
        self._call = call
        self._retries = retries
        self._observer = observer
        self._failed = 0

    def pause_after(self, error: ApiError) -> float:
        """
        Seconds until the call is made again, the last try having failed so.

        Raises:
            ApiError: This one: no try is left, or it must not be made again after it.
        """
        self._failed += 1
        if self._failed > self._retries or not may_repeat(self._call, error):
            raise error
        pause = retry_delay(error, self._failed, _DICE.random())
        self._observer.tell(
            CallRetried(
                method=self._call.method,
                attempt=self._failed,
                error=type(error).__name__,
                retry_in=round(pause, 3),
            )
        )
        return pause


async def repeat(
    ask: Callable[[], Awaitable[T]],
    tries: Tries,
    error: ApiError,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """
    What the call answers at last.

    Args:
        ask: Makes it once.
        tries: Those that are left.
        error: Of the first one.
        sleep: Takes seconds.

    Raises:
        ApiError: Of the last try.

    Cancelling: a write may or may not have been carried out; nothing is asked any more.
    """
    while True:
        await sleep(tries.pause_after(error))
        try:
            return await ask()
        except ApiError as exc:
            error = exc


def repeat_blocking(ask: Callable[[], T], tries: Tries, error: ApiError) -> T:
    """As `repeat`."""
    while True:
        time.sleep(tries.pause_after(error))
        try:
            return ask()
        except ApiError as exc:
            error = exc
