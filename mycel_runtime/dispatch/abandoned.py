"""
Handlers that outlive their run and cannot be stopped: counted, and waited for by nobody.

A thread cannot be ended from outside, and neither can a coroutine that catches its cancellation. Their contexts have
ended, so that they say nothing any more; what they cost is memory, and the process ends without them.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Final

from mycel_runtime.plugin.plugin import plugin_of

if TYPE_CHECKING:
    import threading

    from mycel_runtime.journal.entries import HandlerId

_threads: Final[weakref.WeakKeyDictionary[threading.Thread, str]] = weakref.WeakKeyDictionary()
_tasks: Final[dict[asyncio.Task[BaseException | None], str]] = {}
"""Both with their plugins. Strong, because the loop holds its tasks weakly."""


def abandoned_threads() -> int:
    """How many plain functions outlived their run and still go on, in this process."""
    return sum(thread.is_alive() for thread in tuple(_threads))


def abandoned_of(plugin: str) -> int:
    """How many handlers of a plugin outlived their run and still go on, in this process."""
    of_threads = sum(thread.is_alive() for thread, its in tuple(_threads.items()) if its == plugin)
    return of_threads + sum(its == plugin for its in _tasks.values())


def abandoned_tasks() -> int:
    """How many `async def` handlers outlived their run and still go on, in this process."""
    return len(_tasks)


def abandon_thread(thread: threading.Thread, handler: HandlerId) -> None:
    """Count it for as long as it lives."""
    _threads[thread] = plugin_of(handler)


def abandon_task(task: asyncio.Task[BaseException | None], handler: HandlerId) -> None:
    """Count it until it ends, and cancel it once more: what it caught was perhaps the first one only."""
    _tasks[task] = plugin_of(handler)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[BaseException | None]) -> None:
    """What it raised at last is told to the loop's exception handler, because nobody else asks."""
    _tasks.pop(task, None)
    raised = None if task.cancelled() else task.result()
    if raised is not None and not isinstance(raised, asyncio.CancelledError):
        task.get_loop().call_exception_handler(
            {"message": "a handler that was given up has raised", "exception": raised, "task": task}
        )
