"""What plugins leave behind when a process ends: tasks that go on, and processes."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.tasks import _unregister_task
from typing import Any, Final

_PARTING_SECONDS: Final = 1.0
"""At the end, for what plugins have left on the loop, to take notice of its cancellation."""

_left: Final[list[asyncio.Task[Any]]] = []


def has_left_tasks() -> bool:
    """Whether the interpreter must not be wound up: it would collect a task that cannot be ended."""
    return bool(_left)


async def part_from_leftovers() -> None:
    """
    Cancel what is left on the loop, and end the processes that multiprocessing has started; two seconds or so.

    Cancelling: what is left then is waited for by the interpreter.
    """
    await _part_from_tasks()
    await asyncio.to_thread(_part_from_children)


async def _part_from_tasks() -> None:
    """
    Cancel what plugins have left on the loop, and let go of what catches that.

    `asyncio.run` would wait for it for ever. Kept here, because to be collected is to be told to end once more: what
    catches that too, without a loop to wait on, spins.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if not left:
        return
    _, going_on = await asyncio.wait(left, timeout=_PARTING_SECONDS)
    for task in going_on:
        _unregister_task(task)
    _left.extend(going_on)


def _part_from_children() -> None:
    """
    End the processes that plugins have started by multiprocessing.

    The interpreter would wait for them, perhaps for ever.
    """
    multiprocessing = sys.modules.get(
        "multiprocessing"
    )  # not imported: who has started none need not pay for it
    children = multiprocessing.active_children() if multiprocessing else []
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _PARTING_SECONDS
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()
