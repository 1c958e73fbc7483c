"""
Who keeps the event loop from everybody else: an `async def` handler that computes and never awaits.

No agent of the process hears or says anything meanwhile, and nothing on the loop can tell: neither `status` nor the
log. So a thread looks at it from outside while handlers run, and sleeps while none does. It asks the loop for a sign
of life; where that is owed for long, whoever's step the loop is in is looked at twice, and told with the place.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import LoopFreed, LoopHeld
from mycel_runtime.observe.stacks import thread_frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.observe.facts import Fact

LOOK_SECONDS: Final = 2.0
"""Between two looks; for so long the loop may be late, and nobody is told of it."""

PROOF_SECONDS: Final = 0.25
"""From one look to the next at a loop that is late: many short steps in a row are nobody's fault."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A handler that runs; `tell`: its agent's observers, also from another thread."""

    handler: HandlerId
    tell: Callable[[Fact], None]
    thread: int
    loop: asyncio.AbstractEventLoop


class LoopWatch:
    """
    Of the process.

    Args:
        look_seconds, proof_seconds: As of the constants.

    Attributes:
        is_looking: Whether its thread is awake, because handlers run or have lately.
    """

    def __init__(self, *, look_seconds: float = LOOK_SECONDS, proof_seconds: float = PROOF_SECONDS) -> None:
        self._look_seconds = look_seconds
        self._proof_seconds = proof_seconds
        self._runs: dict[asyncio.Task[Any], _Run] = {}
        self._asked_at: dict[asyncio.AbstractEventLoop, float] = {}
        """Since when a loop owes a sign of life."""
        self._held: dict[asyncio.AbstractEventLoop, tuple[_Run, float]] = {}
        """By whom, and since when: it was told."""
        self._work = threading.Event()
        self.is_looking = False
        self._thread: threading.Thread | None = None

    def watch(self, task: asyncio.Task[Any], handler: HandlerId, tell: Callable[[Fact], None]) -> None:
        """
        Look at what a handler's task does until it is done, also when its run was given up; called on its loop.

        Args:
            task: Of the handler.
            handler: Named by what is told.
            tell: As of an observer; called by the watching thread.
        """
        self._runs[task] = _Run(handler, tell, threading.get_ident(), task.get_loop())
        task.add_done_callback(self._runs.pop)
        if not self.is_looking:
            self._begin()

    def _begin(self) -> None:
        """Once for all that run one after the other within a look's time."""
        self.is_looking = True
        self._work.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # No thread can be started now: nothing but this is left undone.
                self._thread, self.is_looking = None, False

    def _watch(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            while self._has_something_to_see():
                time.sleep(self._look())

    def _has_something_to_see(self) -> bool:
        """Who begins to run while this is found out either is seen here, or sets `_work`."""
        self.is_looking = False
        if self._runs or self._held:
            self.is_looking = True
        return self.is_looking

    def _look(self) -> float:
        """Seconds until the next look."""
        self._tell_freed()
        is_late = False
        for loop, run in {run.loop: run for run in tuple(self._runs.values())}.items():
            if (asked_at := self._asked_at.get(loop)) is None:
                self._ask(loop)
            elif loop not in self._held and time.monotonic() - asked_at >= self._look_seconds:
                is_late = True
                self._prove(loop, run.thread, asked_at)
        return self._proof_seconds if is_late else self._look_seconds

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asked_at[loop] = time.monotonic()
        try:
            loop.call_soon_threadsafe(self._asked_at.pop, loop, None)
        except RuntimeError:  # It is closed.
            self._asked_at.pop(loop, None)

    def _prove(self, loop: asyncio.AbstractEventLoop, thread: int, asked_at: float) -> None:
        """Tell of a handler whose task is in the same step at two looks."""
        before = asyncio.current_task(loop)
        time.sleep(self._proof_seconds)
        task = asyncio.current_task(loop)
        run = None if task is None or task is not before else self._runs.get(task)
        if run is None or self._asked_at.get(loop) != asked_at:
            return
        self._held[loop] = (run, asked_at)
        run.tell(
            LoopHeld(
                handler=run.handler,
                seconds=round(time.monotonic() - asked_at, 1),
                trace="\n".join(thread_frames(thread)),
            )
        )

    def _tell_freed(self) -> None:
        for loop in tuple(self._asked_at):
            if loop.is_closed():
                self._asked_at.pop(loop, None)
        for loop, (run, since) in tuple(self._held.items()):
            if loop not in self._asked_at:
                del self._held[loop]
                run.tell(LoopFreed(handler=run.handler, seconds=round(time.monotonic() - since, 1)))


LOOP_WATCH: Final = LoopWatch()
