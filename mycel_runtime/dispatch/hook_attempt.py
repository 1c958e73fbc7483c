"""One call of a hook: of a plugin's part in the agent's start or stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.error_boundary import contained
from mycel_runtime.dispatch.verdict import Returned
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.logs import logger_of
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.hook_voice import INSTEAD, HookVoice
from mycel_runtime.plugin.sdk_calls import SAY, sdk_calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.verdict import Failed, Result, Unanswered
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.subscription import Moment
    from mycel_runtime.plugin.voice import VoiceDependencies
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAttempts:
    """
    Runs hooks.

    Attributes:
        sdk: As the identity.
        states: What plugins remember.
        bounds: How long handlers may run.
        call: Runs a handler.
        me: The identity.
        voices: What it takes to speak first.
    """

    sdk: AsyncClient
    states: PluginStates
    bounds: HandlerBounds
    call: Callable[[BoundHandler, Context], Awaitable[Failed | Unanswered | None]]
    me: UserId
    voices: VoiceDependencies

    async def run(self, bound: BoundHandler, moment: Moment, *, attempt: int, deadline: float) -> Result:
        """
        Run a hook.

        Args:
            bound: The hook.
            moment: What it is a hook of.
            attempt: From 1.
            deadline: By `time.monotonic()`.

        Raises:
            JournalError: The journal failed; everything else is a result.

        Cancelling: nothing has changed.
        """
        return await contained(self._run(bound, moment, attempt=attempt, deadline=deadline))

    async def _run(self, bound: BoundHandler, moment: Moment, *, attempt: int, deadline: float) -> Result:
        handler = bound.handler.id
        voice = HookVoice(self.voices, handler, may_say=moment == "start")
        sdk = sdk_calls(self.sdk, me=self.me, instead=INSTEAD if moment == "stop" else SAY)
        run = ContextRun(await self.states.given(handler, None), sdk, voice.complete)
        kind = StartContext if moment == "start" else StopContext
        context = kind(
            me=self.me,
            settings=bound.settings,
            log=logger_of(handler=handler, attempt=attempt),
            deadline=deadline,
            attempt=attempt,
            _run=run,
            _runtime=voice,
        )
        return await self.call(bound, context) or Returned(changes=run.changes)
