"""
Plugins are started before anything is delivered to them, and stopped after everything was.

One after the other, in the order that their hooks ask for. What is missed at a start is mostly what is not there yet,
a database or a model after a power cut, and is a minute later: so it is tried again, after growing pauses, while the
plugin's work waits and everybody else's goes on. A plugin without hooks of the start is never waited for.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.backoff import half_jitter, honoured
from mycel_runtime.dispatch.quarantine import MOST_OUTLIVING
from mycel_runtime.dispatch.verdict import Failed, Quarantined, Returned, Unanswered
from mycel_runtime.journal.changes import EndOutcome
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.lean_event import LeanEvent
from mycel_runtime.observe.facts import PluginStarted, PluginStartFailed, PluginStopFailed
from mycel_runtime.plugin.subscription import HookSubscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mycel_runtime.dispatch.hook_attempt import HookAttempts
    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.subscription import Moment
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.wire.ids import UserId

PATIENCE_SECONDS: Final = 1.0
"""For which nothing is delivered to anybody, so that a start that takes no time costs no work its turn."""

STOP_SECONDS: Final = 10.0
"""For a hook of the stop that does not say how long it may take."""

_LOOK_SECONDS: Final = 60.0
"""Until the clock is looked at again: it may be set, and a machine may sleep meanwhile."""

_LONGEST_WAIT_SECONDS: Final = 10.0
"""Of such a delivery while a start goes on. It may be turned away just before the plugin is started."""

_SHORTEST_WAIT_SECONDS: Final = 1.0
"""Of a delivery whose plugin is not started, which is hastened when it is; and between two tries of a start."""


@dataclass(slots=True, kw_only=True)
class Start:
    """
    A plugin that is not started yet.

    Attributes:
        attempts: That have failed.
        retry_at: When it is tried next, epoch seconds; infinity: not in this process any more.
        reason: Why the last one failed; empty before.
        awaited_since: When work of the plugin was first turned away, epoch seconds; `None`: none was.
    """

    plugin: str
    attempts: int = 0
    retry_at: float = -math.inf
    reason: str = ""
    awaited_since: float | None = None

    def note_awaited(self, now: float) -> float:
        """Work of the plugin is turned away; for how many seconds that has been so."""
        if self.awaited_since is None:
            self.awaited_since = now
        return now - self.awaited_since

    def note_failed(self, reason: str) -> None:
        """Another attempt was in vain."""
        self.attempts += 1
        self.reason = reason

    def retry(self, at: float) -> None:
        """It is tried again then, epoch seconds."""
        self.retry_at = at


class Lifecycle:
    """
    The starts and stops of one agent's plugins.

    Args:
        hooks: Runs them.
        handlers: Of all plugins, in their order.
        journal: Where what they change is kept.
        me: The identity.
        settings: `[dispatch]`.
        observer: Told how it went.
        clock: Epoch seconds.
        draw: Random numbers in [0, 1).
        outliving: How many runs of a plugin have outlived their deadline and go on.
    """

    def __init__(
        self,
        *,
        hooks: HookAttempts,
        handlers: Iterable[BoundHandler],
        journal: DispatcherJournal,
        me: UserId,
        settings: DispatchSettings,
        observer: Observer,
        clock: Callable[[], float],
        draw: Callable[[], float],
        outliving: Callable[[str], int],
    ) -> None:
        self._hooks = hooks
        self._outliving = outliving
        self._journal = journal
        self._me = me
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._draw = draw
        self._changed = LeanEvent()
        handlers = tuple(handlers)
        self._pending = list(_of_moment(handlers, "start"))
        self._stops = list(_of_moment(handlers, "stop")[::-1])
        self._starts = {
            plugin: Start(plugin=plugin)
            for plugin in dict.fromkeys(plugin_of(bound.handler.id) for bound in self._pending)
        }
        self._is_running = False

    def use(self, settings: DispatchSettings) -> None:
        """From now on: `[dispatch]` was reloaded."""
        self._settings = settings

    def rebind(self, handlers: Mapping[HandlerId, BoundHandler]) -> None:
        """Hooks that are still to be run get the settings that were reloaded; none is run for that."""
        self._pending = [handlers.get(bound.handler.id, bound) for bound in self._pending]
        self._stops = [handlers.get(bound.handler.id, bound) for bound in self._stops]

    @property
    def waiting(self) -> Sequence[Start]:
        """Plugins that are not started yet."""
        return tuple(self._starts.values())

    @property
    def is_busy(self) -> bool:
        """Whether a plugin is being started, or is to be now."""
        return self._is_running or self.next_at <= self._clock()

    @property
    def next_at(self) -> float:
        """When a plugin is tried again, epoch seconds; infinity: none is."""
        return min((start.retry_at for start in self._starts.values()), default=math.inf)

    def refuse(self, handler: HandlerId) -> Quarantined | None:
        """
        What becomes of a delivery of a plugin that is not started; `None`: it may run.

        While a start goes on, it waits as long again as the plugin's work has waited: however much waits, and however
        long the start takes, each is turned away a few times only.
        """
        start = self._starts.get(plugin_of(handler))
        if start is None:
            return None
        now = self._clock()
        waited = min(start.note_awaited(now), _LONGEST_WAIT_SECONDS)
        retry_after = max(_SHORTEST_WAIT_SECONDS, waited, start.retry_at - now)
        return Quarantined(plugin=start.plugin, retry_after=retry_after, why="has not started")

    def retry(self, plugin: str) -> bool:
        """Try it now. False: it waits for nothing."""
        start = self._starts.get(plugin)
        if start is None or not start.attempts:
            return False
        start.retry(self._clock())
        self.wake()
        return True

    def wake(self) -> None:
        """The clock has jumped, perhaps."""
        if self._starts:
            self._changed.set()

    def rewind(self, seconds: float) -> None:
        """The clock was set back by so much: what waits for its time waits no longer for that."""
        for start in self._starts.values():
            start.retry(start.retry_at - seconds)

    async def start(self, committed: Callable[[], None]) -> None:
        """
        Start what is to be started, until all is.

        Args:
            committed: Called when something may be due.

        Raises:
            JournalError: The journal failed.

        Cancelling: what runs is cancelled, and counts as not started.
        """
        while self._pending:
            self._changed.clear()
            failed = set[str]()
            for bound in tuple(self._pending):
                plugin = plugin_of(bound.handler.id)
                if plugin in failed or self._starts[plugin].retry_at > self._clock():
                    continue
                if not await self._start(bound):
                    failed.add(plugin)
                committed()
            await self._wait()

    async def stop(self, ends_at: float) -> None:
        """
        Stop what has been started, in the reverse order of the starts.

        Args:
            ends_at: When all of it must have ended, by `time.monotonic()`.

        Raises:
            JournalError: The journal failed.

        Cancelling: what runs is cancelled, the others are not run.
        """
        for bound in self._stops:
            if plugin_of(bound.handler.id) not in self._starts:
                await self._stop(bound, ends_at)

    async def _start(self, bound: BoundHandler) -> bool:
        """Whether the hook has returned."""
        start = self._starts[plugin_of(bound.handler.id)]
        began_at, self._is_running = time.monotonic(), True
        try:
            result = self._clogged(start.plugin) or await self._run(
                bound,
                "start",
                attempt=start.attempts + 1,
                deadline=self._hooks.bounds.deadline(bound.handler),
            )
        finally:
            self._is_running = False
        if not isinstance(result, Returned):
            self._note_failed(start, bound, result)
            return False
        self._pending.remove(bound)
        if all(plugin_of(each.handler.id) != start.plugin for each in self._pending):
            await self._note_started(start, took=time.monotonic() - began_at)
        return True

    def _clogged(self, plugin: str) -> Failed | None:
        """A thread that hangs cannot be ended, and each try would leave another one."""
        if (runs := self._outliving(plugin)) < MOST_OUTLIVING:
            return None
        return Failed(letter=Letter(reason=f"{runs} runs of it go on after their deadline"), is_answer=True)

    async def _stop(self, bound: BoundHandler, ends_at: float) -> None:
        deadline = min(ends_at, time.monotonic() + (bound.handler.timeout or STOP_SECONDS))
        try:
            result = await self._run(bound, "stop", attempt=1, deadline=deadline)
        except asyncio.CancelledError:
            self._observer.tell(PluginStopFailed(handler=bound.handler.id, reason="no time was left"))
            raise
        if not isinstance(result, Returned):
            reason, trace = _why(result)
            self._observer.tell(PluginStopFailed(handler=bound.handler.id, reason=reason, trace=trace))

    async def _run(self, bound: BoundHandler, moment: Moment, *, attempt: int, deadline: float) -> Result:
        """As `HookAttempts.run`; what has changed is written down."""
        result = await self._hooks.run(bound, moment, attempt=attempt, deadline=deadline)
        if not isinstance(result, Returned) or not result.changes:
            return result
        handler, changes = bound.handler.id, result.changes
        end = await self._journal.plan(self._me, plugin_of(handler), changes)
        self._hooks.states.note_end(handler, changes, end)
        if end.outcome is EndOutcome.OUTDATED:
            return Failed(letter=Letter(reason="what it has read was changed meanwhile"), is_answer=True)
        return result

    def _note_failed(self, start: Start, bound: BoundHandler, result: Result) -> None:
        reason, trace = _why(result)
        start.note_failed(reason)
        delay = self._delay(start, result)
        start.retry(self._clock() + delay)
        self._observer.tell(
            PluginStartFailed(
                handler=bound.handler.id,
                reason=reason,
                attempts=start.attempts,
                retry_in=None if math.isinf(delay) else round(delay, 3),
                trace=trace if start.attempts == 1 else "",
            )
        )

    def _delay(self, start: Start, result: Result) -> float:
        if isinstance(result, Failed) and result.is_permanent:
            return math.inf
        if isinstance(result, Failed) and result.retry_after is not None:
            # Nobody counts how often it is tried, so that a pause of 0 would never end.
            return max(result.retry_after, min(self._settings.retry_base, _SHORTEST_WAIT_SECONDS))
        asked = result.retry_after if isinstance(result, Unanswered) else None
        settings, draw = self._settings, self._draw()
        delay = half_jitter(start.attempts, base=settings.retry_base, cap=settings.retry_cap, draw=draw)
        return honoured(delay, asked, cap=settings.retry_cap, draw=draw)

    async def _note_started(self, start: Start, *, took: float) -> None:
        del self._starts[start.plugin]
        self._observer.tell(
            PluginStarted(plugin=start.plugin, attempts=start.attempts + 1, took=round(took, 4))
        )
        if start.awaited_since is not None:
            await self._journal.hasten(self._me, delivery_id=None, plugin=start.plugin)

    async def _wait(self) -> None:
        """Until the next one is tried."""
        seconds = min(max(0.0, self.next_at - self._clock()), _LOOK_SECONDS)
        if not self._pending:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return


def _of_moment(handlers: Iterable[BoundHandler], moment: Moment) -> Sequence[BoundHandler]:
    """Hooks, the first to start first; those of one order as they are declared."""
    hooks = [
        (subscription.order, bound)
        for bound in handlers
        if isinstance(subscription := bound.handler.subscription, HookSubscription)
        and subscription.moment == moment
    ]
    return [bound for _, bound in sorted(hooks, key=lambda hook: hook[0])]


def _why(result: Result) -> tuple[str, str]:
    """Reason and trace of what has not returned."""
    letter = result.letter if isinstance(result, Failed | Unanswered) else Letter(reason="")
    return letter.reason, letter.trace
