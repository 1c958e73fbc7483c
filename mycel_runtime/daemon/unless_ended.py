"""Work that is not worth waiting for any more once the end is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def unless_ended(work: Coroutine[None, None, T], end: Coroutine[None, None, object]) -> T | None:
    """
    The outcome of `work`, or `None` if the end was asked for first.

    Args:
        work: Cancelled at the end.
        end: Returns once the end is asked for.

    Raises:
        BaseExceptionGroup: Either has failed.

    Cancelling: both are.
    """
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work, name="awaited")
        ending = tasks.create_task(end, name="end-asked")
        await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        ending.cancel()
    return None if working.cancelled() else working.result()
