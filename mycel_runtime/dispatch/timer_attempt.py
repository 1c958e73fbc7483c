"""One call of a handler whose time has come: of a timer that its plugin has set, or of its schedule."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.firing import SCHEDULE
from mycel_runtime.dispatch.run import run_logger
from mycel_runtime.dispatch.turn_record import timer_record
from mycel_runtime.dispatch.verdict import Failed, Returned, with_record
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.plugin.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.dispatch.capture import Capture
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.verdict import Result, Unanswered
    from mycel_runtime.journal.delivery import EventDelivery
    from mycel_runtime.journal.firing import Fired
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.voice import VoiceDependencies
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerAttempts:
    """
    Runs deliveries of timers and schedules.

    Attributes:
        sdk: As the identity.
        states: What plugins remember.
        bounds: How long.
        call: Runs a handler.
        voices: What it takes to speak first.
        me: The identity.
        clock: Epoch seconds.
        capture: Keeps what runs were shown; `None`: nobody does.
    """

    sdk: AsyncClient
    states: PluginStates
    bounds: HandlerBounds
    call: Callable[[BoundHandler, Context], Awaitable[Failed | Unanswered | None]]
    voices: VoiceDependencies
    me: UserId
    clock: Callable[[], float]
    capture: Capture | None = None

    async def run(self, delivery: EventDelivery, fired: Fired, bound: BoundHandler) -> Result:
        """
        Run the handler.

        Raises:
            JournalError: The journal failed.

        Cancelling: nothing has changed.
        """
        voice = Voice(dependencies=self.voices, delivery=delivery)
        shown = None if self.capture is None else ShownRun()
        sdk = sdk_calls(self.sdk, me=self.me, shown=shown)
        run = ContextRun(await self.states.given(delivery.handler, None), sdk, voice.complete)
        is_schedule = fired.name.startswith(SCHEDULE)
        context = TimerContext(
            name=fired.name.removeprefix(SCHEDULE),
            key=fired.key,
            # What a schedule's timer holds is ours.
            data=None if is_schedule else json.loads(fired.data),
            due_at=datetime.fromtimestamp(fired.due_at, UTC),
            me=self.me,
            settings=bound.settings,
            log=run_logger(delivery),
            deadline=self.bounds.deadline(bound.handler),
            attempt=delivery.attempts + 1,
            _run=run,
            _runtime=voice,
        )
        began_at = self.clock()
        ended = await self.call(bound, context)
        record = timer_record(context, fired, voice, ended, began_at=began_at)
        if self.capture is not None and shown is not None:
            record = self.capture.of_timer(record, shown, fired, voice)
        return with_record(ended, record) or Returned(shown=1, changes=run.changes, record=record)
