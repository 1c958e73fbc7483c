"""Where a handler is called: here, or in a process of its plugin."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.observe.durations import Durations, Unmeasured
from mycel_runtime.observe.trace import span
from mycel_runtime.plugin.isolation.workers import Workers

if TYPE_CHECKING:
    from mycel_runtime.dispatch.verdict import Failed, Unanswered
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.registry import BoundHandler


@dataclass(frozen=True, slots=True)
class HandlerCalls:
    """
    Of one agent.

    Attributes:
        abandoned: Those that outlived their run.
        workers: The processes of isolated plugins.
        durations: Told how long each ran.
    """

    abandoned: AbandonedRuns = field(default_factory=AbandonedRuns)
    workers: Workers = field(default_factory=Workers)
    durations: Durations = field(default_factory=Unmeasured)

    async def run(self, bound: BoundHandler, context: Context) -> Failed | Unanswered | None:
        """
        Call it.

        Returns, Raises, Cancelling: as of `run_handler`.
        """
        note_late = self.abandoned.note_late_calls
        call = None if bound.worker is None else partial(self.workers.run, bound.worker, note_late=note_late)
        began = time.perf_counter()
        try:
            with span("handler.run"):
                return await run_handler(bound.handler, context, abandoned=self.abandoned, call=call)
        finally:
            self.durations.handled(bound.handler.id, time.perf_counter() - began)

    async def close(self) -> None:
        """End the processes of isolated plugins."""
        await self.workers.close()
