"""
The loop: claim, run, have the end written down.

Claims as many due deliveries as there are free slots; each runs in a task of its own. It sleeps until something is
committed, a slot becomes free, or the clock reaches the next retry.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.alarm import Alarm
from mycel_runtime.dispatch.clock_step import ClockStepDetector
from mycel_runtime.dispatch.due_time import wait_until
from mycel_runtime.dispatch.lifecycle import PATIENCE_SECONDS
from mycel_runtime.dispatch.suspects import given_up
from mycel_runtime.dispatch.verdict import Paused
from mycel_runtime.fair_turns import RUNS, Place
from mycel_runtime.journal.delivery import UtteranceDelivery
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.lean_event import LeanEvent
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.trace import Untraced, span

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.dispatch.attempt import Attempts
    from mycel_runtime.dispatch.backlog import Backlog
    from mycel_runtime.dispatch.blocked_chats import BlockedChats
    from mycel_runtime.dispatch.claims import Claims
    from mycel_runtime.dispatch.delivery_ends import DeliveryEnds
    from mycel_runtime.dispatch.due_time import DueTime
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.lifecycle import Lifecycle
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.quarantine import Quarantine
    from mycel_runtime.dispatch.suspects import Suspects
    from mycel_runtime.dispatch.timekeeper import Timekeeper
    from mycel_runtime.dispatch.tools import Tools
    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId, HandlerId
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.observe.durations import Durations
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.trace import Traces
    from mycel_runtime.wire.ids import ChatId, UserId


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """
    Runs the due deliveries of one identity.

    Attributes:
        journal: Where they are.
        claims: Which of them are this process's.
        me: The identity.
        attempts: Who runs one.
        ends: Who judges how a run ended, and writes it down.
        bounds: `[dispatch]`, as it is by now.
        clock: Epoch seconds.
        work: Set when something may be due; by the journal, too.
        due_time: When the next delivery is.
        suspects: Deliveries that were running when a process died.
        blocked: Chats in which nothing goes on because the backend fails there.
        timekeeper: Makes work due at its time.
        lifecycle: Starts and stops the plugins.
        quarantine: Leaves plugins alone that fail and fail.
        is_held: Whether nothing may be claimed for the time being; `wake` when that is over.
        is_paused: Whether a handler's work in a chat waits for the operator; likewise.
        durations: Told how long each waited.
        traces: Follows each.
        running: How many run now.
        drained: Set when nothing is left, after `drain`.
    """

    journal: DispatcherJournal
    claims: Claims
    me: UserId
    attempts: Attempts
    ends: DeliveryEnds
    bounds: HandlerBounds
    clock: Callable[[], float]
    work: LeanEvent
    due_time: DueTime
    suspects: Suspects
    blocked: BlockedChats
    timekeeper: Timekeeper
    lifecycle: Lifecycle
    quarantine: Quarantine
    is_held: Callable[[], bool]
    is_paused: Callable[[HandlerId, ChatId | None], bool]
    durations: Durations = field(default_factory=Unmeasured)
    traces: Traces = field(default_factory=Untraced)
    running: int = field(default=0, init=False)
    drained: LeanEvent = field(default_factory=LeanEvent, init=False)
    _clock_step: ClockStepDetector = field(init=False)
    _alarm: Alarm = field(init=False)
    _unwritten: set[DeliveryId] = field(default_factory=set, init=False)
    _place: Place = field(default_factory=lambda: Place(RUNS), init=False)
    _is_draining: bool = field(default=False, init=False)
    _is_stopping: bool = field(default=False, init=False)
    _stops_at: float = field(default=math.inf, init=False)

    def __post_init__(self) -> None:
        self._clock_step = ClockStepDetector(self.clock)
        self._alarm = Alarm(self.work.set)

    @property
    def abandoned(self) -> AbandonedRuns:
        """Runs that were given up and go on."""
        return self.attempts.abandoned

    @property
    def tools(self) -> Tools:
        """What is read and said from outside."""
        return self.attempts.tools

    @property
    def states(self) -> PluginStates:
        """What plugins remember, as it is kept here."""
        return self.attempts.states

    @property
    def has_news(self) -> bool:
        """Whether answers are to be looked for, and that is not due yet."""
        return self.attempts.questions.has_news

    def wake(self) -> None:
        """Something may be due that the journal knows nothing of, above all because a time has come."""
        self.work.set()
        self.lifecycle.wake()

    def drain(self) -> None:
        """Take nothing new: do what is due, and let `drained` be set when nothing is left. Timers do not fire."""
        self._is_draining = True
        self.work.set()

    @property
    def backlog(self) -> Backlog:
        """Tells what of it is old."""
        return self.attempts.backlog

    def note_skipped(self, delivery: Delivery) -> None:
        """The operator has given it up, in the journal."""
        self.ends.note_skipped(delivery)

    def tell(self, fact: Fact) -> None:
        """Tell what somebody has done with the work."""
        self.ends.observer.tell(fact)

    def stop(self, within: float = math.inf) -> None:
        """
        Claim nothing more; `run` returns when what is running has ended, and the plugins are stopped.

        Args:
            within: Seconds after which it is cancelled: hooks of the stop are told of that deadline.
        """
        self._is_stopping = True
        self._stops_at = time.monotonic() + within
        self.work.set()

    async def run(self) -> None:
        """
        Start the plugins, dispatch until `stop`, and stop them.

        Raises:
            JournalError: The journal failed; running deliveries are due again at the next start.

        Cancelling: running handlers are cancelled; their deliveries are due again at the next start.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                starting = list[asyncio.Task[None]]()
                if self.lifecycle.waiting:
                    starting.append(tasks.create_task(self.lifecycle.start(self.wake), name="plugin-starts"))
                    await asyncio.wait(starting, timeout=PATIENCE_SECONDS)
                while not self._is_stopping:
                    await self._dispatch(tasks)
                for task in starting:
                    task.cancel()
            await self.lifecycle.stop(self._stops_at)
        finally:
            self.claims.close()
            self._alarm.cancel()
            self._place.leave()
            await self.attempts.close()

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        """Start what is due, and wait for more."""
        self.work.clear()
        await self._heed_the_clock()
        await self.attempts.questions.look_for_news()
        # Before the claim: what becomes due while it is made is due after this.
        now = self.clock()
        if not self.is_held() and not self._is_draining:
            await self.timekeeper.fire_due(now)
        is_quiet = not self._unwritten
        await self._start_due(tasks)
        if self._is_draining and is_quiet and not self._unwritten and not self.work.is_set():
            self.drained.set()
        await self._wait_for_work(now)

    async def _heed_the_clock(self) -> None:
        """Times are written down by a clock that may be set back: what waits for them would wait as much longer."""
        if seconds := self._clock_step.set_back():
            now = self.clock()
            self.due_time.look_again(now)
            await self.journal.rewind(self.me, seconds=seconds)
            self.lifecycle.rewind(seconds)
            self.timekeeper.look_again()

    async def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        free = self.bounds.settings.concurrency - self.running
        if free <= 0 or self.is_held():
            return
        if not self.suspects.seconds_until_turn():
            free -= await self._start_suspect(tasks)
        claimed = await self.claims.claim(free)
        for delivery in claimed:
            self._start(tasks, delivery)
        if not self.running and self.suspects.are_waiting:
            await self._start_suspect(tasks)

    async def _start_suspect(self, tasks: asyncio.TaskGroup) -> bool:
        """Whether one was due."""
        suspect = await self.claims.claim_suspect()
        if suspect is not None:
            self._start(tasks, suspect)
        return suspect is not None

    def _start(self, tasks: asyncio.TaskGroup, delivery: Delivery) -> None:
        self.running += 1
        self._unwritten.add(delivery.delivery_id)
        self.suspects.start(delivery)
        tasks.create_task(self._deliver(delivery), name=f"delivery-{delivery.delivery_id}")

    async def _wait_for_work(self, claimed_at: float) -> None:
        seconds = None
        if self.running < self.bounds.settings.concurrency and not self.work.is_set():
            seconds = await self.due_time.seconds_until(claimed_at)
            # One whose turn it is already waits for its lane or for the clock.
            turn = self.suspects.seconds_until_turn()
            if 0 < turn < math.inf:
                seconds = turn if seconds is None else min(seconds, turn)
        if self.work.is_set():
            return
        if (until := self._until_timer_or(seconds)) is not None:
            self._alarm.set(until)
        await self.work.wait()

    def _until_timer_or(self, seconds: float | None) -> float | None:
        """Timers fire in time also when every slot is taken; while nothing may be claimed they wait."""
        due_at = math.inf if self.is_held() else self.timekeeper.next_at
        if due_at == math.inf:
            return seconds
        until = wait_until(due_at, now=self.clock())
        return until if seconds is None else min(seconds, until)

    async def _deliver(self, delivery: Delivery) -> None:
        """Run, and write down what became of it. The slot is free before that; the lane is, once it is written."""
        traced = self.traces.delivery(
            delivery.delivery_id,
            turn=delivery.turn,
            handler=delivery.handler,
            chat_id=delivery.chat_id,
            due_at=delivery.due_at,
            attempt=delivery.attempts + 1,
        )
        try:
            with traced:
                await self._place.in_turn(self._run_and_write, delivery)
        finally:
            self._unwritten.discard(delivery.delivery_id)
            self.claims.note_end(delivery)
            if self._is_draining:
                self.work.set()

    async def _run_and_write(self, delivery: Delivery) -> None:
        async with self.ends.store_turns.running(delivery):
            try:
                started_at = self.clock()
                self.durations.waited(delivery.handler, max(0.0, started_at - delivery.due_at))
                result = await self._run(delivery)
                took = self.clock() - started_at
            finally:
                self.running -= 1
                self.suspects.end(delivery)
                self.work.set()
            with span("delivery.finish"):
                await self.ends.write(delivery, result, took=took)
        if isinstance(delivery, UtteranceDelivery):
            self.attempts.tools.speech.note_end()

    async def _run(self, delivery: Delivery) -> Result:
        if self.is_paused(delivery.handler, delivery.chat_id):
            return Paused()
        if died := given_up(delivery):
            return await self.attempts.give_up(delivery, died)
        if isinstance(delivery, UtteranceDelivery):
            # Nothing of its plugin is run.
            return self.blocked.note(delivery, await self.attempts.run(delivery))
        if refused := self.lifecycle.refuse(delivery.handler) or self.quarantine.refuse(delivery.handler):
            return refused
        result = self.blocked.note(delivery, await self.attempts.run(delivery))
        self.quarantine.note(delivery.handler, result)
        return result
