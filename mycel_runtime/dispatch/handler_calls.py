"""Where a handler is called: here, or in a process of its plugin."""

from __future__ import annotations

import time
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.loop_watch import LOOP_WATCH
from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.errors import HandlerDiedError, HandlerError, HandlerRaisedError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.durations import Durations, Unmeasured
from mycel_runtime.observe.observer import FanOut, Observer
from mycel_runtime.observe.trace import span

if TYPE_CHECKING:
    from mycel_runtime.dispatch.run import Call
    from mycel_runtime.dispatch.verdict import Failed, Unanswered
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.plugin.isolation.workers import Workers
    from mycel_runtime.plugin.registry import BoundHandler


@dataclass(slots=True)
class HandlerCalls:
    """
    Of one agent.

    Attributes:
        abandoned: Those that outlived their run.
        durations: Told how long each ran.
        observer: Told of handlers that keep the loop from others.
    """

    abandoned: AbandonedRuns = field(default_factory=AbandonedRuns)
    durations: Durations = field(default_factory=Unmeasured)
    observer: Observer = field(default_factory=lambda: FanOut([]))
    _workers: Workers | None = field(default=None, init=False)

    @property
    def workers(self) -> Workers:
        """The processes of isolated plugins; where there is none, nothing of what is said to them is imported."""
        if self._workers is None:
            from mycel_runtime.plugin.isolation.workers import Workers  # noqa: PLC0415 - only who isolates pays

            self._workers = Workers()
        return self._workers

    async def run(self, bound: BoundHandler, context: Context) -> Failed | Unanswered | None:
        """
        Call it.

        Returns, Raises, Cancelling: as of `run_handler`.
        """
        if bound.worker is None:
            return await self._run(bound, context, None)
        asked_at = time.monotonic()
        try:
            async with self.workers.lend(bound.worker) as loan:
                # Starting a process and importing the plugin is none of the handler's time.
                context.put_off(time.monotonic() - asked_at)
                call = partial(loan.run, note_late=self.abandoned.note_late_calls)
                return await self._run(bound, context, call)
        except (HandlerRaisedError, HandlerDiedError) as exc:
            return await self._run(bound, context, partial(_fail, exc))

    async def _run(
        self, bound: BoundHandler, context: Context, call: Call | None
    ) -> Failed | Unanswered | None:
        began = time.perf_counter()
        try:
            with span("handler.run"):
                return await run_handler(
                    bound.handler,
                    context,
                    abandoned=self.abandoned,
                    call=call,
                    watch=partial(LOOP_WATCH.watch, handler=bound.handler.id, tell=self.observer.tell),
                )
        finally:
            self.durations.handled(bound.handler.id, time.perf_counter() - began)

    async def close(self) -> None:
        """End the processes of isolated plugins."""
        if self._workers is not None:
            await self._workers.close()


async def _fail(error: HandlerError, _handler: Handler, _context: Context) -> None:
    """In place of a handler that could not be called: whatever ends a run ends this one as well."""
    raise error
