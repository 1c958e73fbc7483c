"""
When something is to be fired: the timers that plugins have set, and the schedules that they have declared.

What is to happen at a time stands in the journal; here is only when to look there next. Whoever sets no timer and
declares no schedule costs one look at the start.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.firing import SCHEDULE, firing_of, plan_of
from mycel_runtime.journal.changes import Changes, TimerKey
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.questions import QUESTION
from mycel_runtime.observe.facts import ScheduleMissed
from mycel_runtime.plugin.schedule import LATE_SECONDS
from mycel_runtime.plugin.subscription import AnswerSubscription, ScheduleSubscription, TimerSubscription

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from mycel_runtime.journal.changes import Firing, Timer
    from mycel_runtime.journal.port.state import StateJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.handler import Handler
    from mycel_runtime.wire.ids import UserId

_AT_ONCE: Final = 100
"""Timers that one commit fires. After a long downtime there may be many."""


class Timekeeper:
    """
    Of one identity.

    Args:
        journal: Where timers are.
        me: The identity.
        handlers: Of all plugins.
        observer: Told of times that were missed.
        clock: Epoch seconds.

    Attributes:
        plugins: Names of all that have handlers, sorted.
        next_at: When the next timer is due; minus infinity: nobody has looked yet.
    """

    def __init__(
        self,
        *,
        journal: StateJournal,
        me: UserId,
        handlers: Collection[Handler],
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._me = me
        self._observer = observer
        self._clock = clock
        self.plugins = sorted({plugin_of(handler.id) for handler in handlers})
        self._handlers = dict(_by_name(handlers))
        self._is_planned = False
        self.next_at = -math.inf if self.plugins else math.inf

    async def fire_due(self, now: float) -> None:
        """
        Make what is due work, in the journal; if it was many, not all at once.

        Raises:
            JournalError: It cannot be written.

        Cancelling: what was fired is work, the rest is due still.
        """
        if now < self.next_at:
            return
        if not self._is_planned:
            await self._plan(now)
        # Whatever is noted from here on comes after what is read.
        self.next_at = math.inf
        if not self._handlers:
            return
        due = await self._journal.timers_due(self._me, names=self._handlers.keys(), limit=_AT_ONCE)
        if due:
            await self._journal.fire(self._me, [self._firing(timer, now) for timer in due])
            self._tell_missed(due, now)
        if len(due) == _AT_ONCE:
            self.note(now)
        elif (due_at := await self._journal.next_timer_at(self._me, after=now)) is not None:
            self.note(due_at)

    def _firing(self, timer: Timer, now: float) -> Firing:
        handler = self._handlers[timer.plugin, timer.name]
        return firing_of(timer, handler.id, handler.subscription, now)

    def note(self, due_at: float) -> bool:
        """A timer's time comes then; whether that is before all that are known."""
        is_sooner = due_at < self.next_at
        if is_sooner:
            self.next_at = due_at
        return is_sooner

    def look_again(self) -> None:
        """The clock was set back: what waits for a span of time was moved, and schedules may wait too long."""
        self._is_planned = False
        self.note(self._clock())

    async def _plan(self, now: float) -> None:
        """Schedules that do not stand as they must are set; those that nobody declares any more are cancelled."""
        stands = {
            (timer.plugin, timer.name): timer
            for timer in await self._journal.timers(self._me)
            if timer.name.startswith(SCHEDULE)
        }
        for plugin in self.plugins:
            if changes := self._changes_of(plugin, stands, now):
                await self._journal.plan(self._me, plugin, changes)
        self._is_planned = True

    def _changes_of(self, plugin: str, stands: Mapping[tuple[str, str], Timer], now: float) -> Changes:
        schedules = {
            name: handler.subscription
            for (its, name), handler in self._handlers.items()
            if its == plugin and isinstance(handler.subscription, ScheduleSubscription)
        }
        planned = [
            plan_of(name, subscription, stands.get((plugin, name)), now)
            for name, subscription in schedules.items()
        ]
        return Changes(
            timers=tuple(timer for timer in planned if timer is not None),
            cancelled=tuple(
                TimerKey(name, "") for its, name in stands if its == plugin and name not in schedules
            ),
        )

    def _tell_missed(self, fired: Iterable[Timer], now: float) -> None:
        for timer in fired:
            handler = self._handlers[timer.plugin, timer.name]
            if isinstance(handler.subscription, ScheduleSubscription) and now - timer.due_at > LATE_SECONDS:
                self._observer.tell(
                    ScheduleMissed(
                        handler=handler.id,
                        late=round(now - timer.due_at),
                        is_caught_up=handler.subscription.catch_up,
                    )
                )


def _by_name(handlers: Iterable[Handler]) -> Iterable[tuple[tuple[str, str], Handler]]:
    """Plugin and timer's name of each handler of timers, schedules and answers."""
    for handler in handlers:
        plugin = plugin_of(handler.id)
        match handler.subscription:
            case TimerSubscription(name=name):
                yield (plugin, name), handler
            case AnswerSubscription(name=name):
                yield (plugin, QUESTION + name), handler
            case ScheduleSubscription():
                yield (plugin, SCHEDULE + handler.id.removeprefix(f"{plugin}.")), handler
            case _:
                continue
