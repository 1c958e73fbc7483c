"""
Handlers that outlive their run and cannot be stopped: counted, and waited for by nobody.

A thread cannot be ended from outside, and neither can a coroutine that catches its cancellation. Their contexts have
ended, so that they say nothing any more; what they cost is memory, and the process ends without them.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from mycel_runtime.journal.ids import plugin_of

if TYPE_CHECKING:
    import threading

    from mycel_runtime.journal.ids import HandlerId


class AbandonedRuns:
    """
    Those of one agent's handlers; beside it in the process another one may have plugins of the same names.

    Attributes:
        late_calls: How often a handler has used its context after its run had ended: a reply that nobody has awaited
            in time, for example, which was not said. A process of a plugin tells of its own with its next run's end.
    """

    def __init__(self) -> None:
        self.late_calls = 0
        self._plugins_of_threads: weakref.WeakKeyDictionary[threading.Thread, str] = (
            weakref.WeakKeyDictionary()
        )
        # Strong, because the loop holds its tasks weakly.
        self._plugins_of_tasks: dict[asyncio.Task[BaseException | None], str] = {}

    @property
    def threads(self) -> int:
        """How many plain functions outlived their run and still go on."""
        return sum(thread.is_alive() for thread in tuple(self._plugins_of_threads))

    @property
    def tasks(self) -> int:
        """How many `async def` handlers outlived their run and still go on."""
        return len(self._plugins_of_tasks)

    def of(self, plugin: str) -> int:
        """How many handlers of a plugin outlived their run and still go on."""
        if not (self._plugins_of_threads or self._plugins_of_tasks):
            return 0
        threads = tuple(self._plugins_of_threads.items())
        of_threads = sum(thread.is_alive() for thread, its in threads if its == plugin)
        return of_threads + sum(its == plugin for its in self._plugins_of_tasks.values())

    def note_late_calls(self, number: int = 1) -> None:
        """So many more, on any thread; of two at the same instant one may be missing."""
        self.late_calls += number

    def abandon_thread(self, thread: threading.Thread, handler: HandlerId) -> None:
        """Count it for as long as it lives."""
        self._plugins_of_threads[thread] = plugin_of(handler)

    def abandon_task(self, task: asyncio.Task[BaseException | None], handler: HandlerId) -> None:
        """Count it until it ends, and cancel it once more: what it caught was perhaps the first one only."""
        self._plugins_of_tasks[task] = plugin_of(handler)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Task[BaseException | None]) -> None:
        """What it raised at last is told to the loop's exception handler, because nobody else asks."""
        self._plugins_of_tasks.pop(task, None)
        raised = None if task.cancelled() else task.result()
        if raised is not None and not isinstance(raised, asyncio.CancelledError):
            task.get_loop().call_exception_handler(
                {"message": "a handler that was given up has raised", "exception": raised, "task": task}
            )
