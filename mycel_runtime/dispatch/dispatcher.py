"""
The loop: claim, run, judge, write down.

Claims as many due deliveries as there are free slots; each runs in a task of its own. It sleeps until something is
committed, a slot becomes free, or the clock reaches the next retry.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.blocked_chats import BlockedChats
from mycel_runtime.dispatch.clock_step import ClockStepDetector
from mycel_runtime.dispatch.error_boundary import mistake
from mycel_runtime.dispatch.lifecycle import PATIENCE_SECONDS
from mycel_runtime.dispatch.outage_timer import OutageTimer
from mycel_runtime.dispatch.store_turns import StoreTurns
from mycel_runtime.dispatch.suspects import Suspects, given_up
from mycel_runtime.dispatch.verdict import (
    Bury,
    Failed,
    Finish,
    Overtaken,
    Park,
    Paused,
    Postpone,
    Returned,
    Unanswered,
    judge,
)
from mycel_runtime.errors import JournalError
from mycel_runtime.journal.changes import EndOutcome
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.delivery import UtteranceDelivery
from mycel_runtime.journal.pause import PARKED_AT
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.facts import (
    DeliveryBuried,
    DeliveryFinished,
    DeliveryOutdated,
    DeliveryPostponed,
)
from mycel_runtime.observe.trace import Untraced, span

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.dispatch.attempt import Attempts
    from mycel_runtime.dispatch.backlog import Backlog
    from mycel_runtime.dispatch.lifecycle import Lifecycle
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.quarantine import Quarantine
    from mycel_runtime.dispatch.timekeeper import Timekeeper
    from mycel_runtime.dispatch.tools import Tools
    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.changes import Changes, TurnEnd
    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.observe.durations import Durations
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.observe.trace import Traces
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.wire.ids import ChatId, UserId

_LONGEST_WAIT_SECONDS: Final = 60.0
"""For a time to come, before the clock is looked at again: it may be set, and a machine may sleep meanwhile."""


class Dispatcher:
    """
    Runs the due deliveries of one identity.

    Args:
        journal: Where they are.
        attempts: Who runs one.
        me: The identity.
        settings: `[dispatch]`.
        observer: Told what became of each.
        clock: Epoch seconds.
        draw: Random numbers in [0, 1).
        suspects: Deliveries that were running when a process died.
        durations: Told how long each waited.
        traces: Follows each.
        work: Set when something may be due.
        timekeeper: Makes work due at its time.
        lifecycle: Starts and stops the plugins.
        quarantine: Leaves plugins alone that fail and fail.
        is_held: Whether nothing may be claimed for the time being; `wake` when that is over.
        is_paused: Whether a handler's work in a chat waits for the operator; likewise.
    """

    def __init__(  # noqa: PLR0913 - whom a delivery meets on its way
        self,
        *,
        journal: Journal,
        attempts: Attempts,
        me: UserId,
        settings: DispatchSettings,
        observer: Observer,
        clock: Callable[[], float],
        draw: Callable[[], float],
        work: asyncio.Event,
        timekeeper: Timekeeper,
        lifecycle: Lifecycle,
        quarantine: Quarantine,
        suspects: int = 0,
        durations: Durations | None = None,
        traces: Traces | None = None,
        is_held: Callable[[], bool] = lambda: False,
        is_paused: Callable[[HandlerId, ChatId | None], bool] = lambda _handler, _chat: False,
    ) -> None:
        self._journal = journal
        self._attempts = attempts
        self._me = me
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._draw = draw
        self._suspects = Suspects(suspects)
        self._durations = durations or Unmeasured()
        self._traces = traces or Untraced()
        self._is_held = is_held
        self._is_paused = is_paused
        self._work = work
        self._is_stopping = False
        self._is_draining = False
        self._unwritten: set[DeliveryId] = set()
        self.drained = asyncio.Event()
        self._stops_at = math.inf
        self._outage_timer = OutageTimer(clock)
        self._store_turns = StoreTurns()
        self._clock_step = ClockStepDetector(clock)
        self._next_due_at = clock()
        self.timekeeper = timekeeper
        self.lifecycle = lifecycle
        self.running = 0
        self.quarantine = quarantine
        self.blocked = BlockedChats(attempts.evidence, clock=clock)
        self._overtaken: defaultdict[Lane, set[DeliveryId]] = defaultdict(set)

    @property
    def abandoned(self) -> AbandonedRuns:
        """Runs that were given up and go on."""
        return self._attempts.abandoned

    @property
    def tools(self) -> Tools:
        """What is read and said from outside."""
        return self._attempts.tools

    @property
    def states(self) -> PluginStates:
        """What plugins remember, as it is kept here."""
        return self._attempts.states

    @property
    def has_news(self) -> bool:
        """Whether answers are to be looked for, and that is not due yet."""
        return self._attempts.questions.has_news

    def use(self, settings: DispatchSettings) -> None:
        """From now on: `[dispatch]` was reloaded."""
        self._settings = settings
        self.wake()

    def wake(self) -> None:
        """Something that may be due is in the journal, or was given to it: a claim comes behind it."""
        self._work.set()
        self.lifecycle.wake()

    def drain(self) -> None:
        """Take nothing new: do what is due, and let `drained` be set when nothing is left. Timers do not fire."""
        self._is_draining = True
        self._work.set()

    @property
    def backlog(self) -> Backlog:
        """Tells what of it is old."""
        return self._attempts.backlog

    def note_skipped(self, delivery: Delivery) -> None:
        """The operator has given it up, in the journal."""
        self._suspects.clear(delivery)
        self.blocked.forget(delivery)
        self._work.set()

    def tell(self, fact: Fact) -> None:
        """Tell what somebody has done with the work."""
        self._observer.tell(fact)

    def stop(self, within: float = math.inf) -> None:
        """
        Claim nothing more; `run` returns when what is running has ended, and the plugins are stopped.

        Args:
            within: Seconds after which it is cancelled: hooks of the stop are told of that deadline.
        """
        self._is_stopping = True
        self._stops_at = time.monotonic() + within
        self._work.set()

    async def run(self) -> None:
        """
        Start the plugins, dispatch until `stop`, and stop them.

        Raises:
            JournalError: The journal failed; running deliveries are due again at the next start.

        Cancelling: running handlers are cancelled; their deliveries are due again at the next start.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                starting = tasks.create_task(self.lifecycle.start(self.wake), name="plugin-starts")
                if self.lifecycle.waiting:
                    await asyncio.wait([starting], timeout=PATIENCE_SECONDS)
                while not self._is_stopping:
                    await self._dispatch(tasks)
                starting.cancel()
            await self.lifecycle.stop(self._stops_at)
        finally:
            await self._attempts.close()

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        """Start what is due, and wait for more."""
        self._work.clear()
        await self._heed_the_clock()
        now = self._clock()
        await self._attempts.questions.look_for_news()
        if not self._is_held() and not self._is_draining:
            await self.timekeeper.fire_due(now)
        is_quiet = not self._unwritten
        await self._start_due(tasks, now)
        if self._is_draining and is_quiet and not self._unwritten and not self._work.is_set():
            self.drained.set()
        await self._wait_for_work(now)

    async def _heed_the_clock(self) -> None:
        """Times are written down by a clock that may be set back: what waits for them would wait as much longer."""
        if seconds := self._clock_step.set_back():
            self._next_due_at = self._clock()
            await self._journal.rewind(self._me, seconds=seconds, now=self._next_due_at)
            self.lifecycle.rewind(seconds)
            self.timekeeper.look_again()

    async def _start_due(self, tasks: asyncio.TaskGroup, now: float) -> None:
        free = self._settings.concurrency - self.running
        if free <= 0 or self._is_held():
            return
        if not self._suspects.seconds_until_turn():
            free -= await self._start_suspect(tasks, now)
        claimed = await self._journal.claim(self._me, limit=free, now=now)
        for delivery in claimed:
            self._start(tasks, delivery)
        if not self.running and self._suspects.are_waiting:
            await self._start_suspect(tasks, now)

    async def _start_suspect(self, tasks: asyncio.TaskGroup, now: float) -> bool:
        """Whether one was due."""
        suspect = await self._journal.claim_suspect(self._me, now=now)
        if suspect is not None:
            self._start(tasks, suspect)
        return suspect is not None

    def _start(self, tasks: asyncio.TaskGroup, delivery: Delivery) -> None:
        self.running += 1
        self._unwritten.add(delivery.delivery_id)
        self._suspects.start(delivery)
        tasks.create_task(self._deliver(delivery), name=f"delivery-{delivery.delivery_id}")

    async def _wait_for_work(self, claimed_at: float) -> None:
        seconds = None
        if self.running < self._settings.concurrency and not self._work.is_set():
            seconds = await self._seconds_until_due(claimed_at)
            # One whose turn it is already waits for its lane or for the clock.
            turn = self._suspects.seconds_until_turn()
            if 0 < turn < math.inf:
                seconds = turn if seconds is None else min(seconds, turn)
        try:
            async with asyncio.timeout(self._until_timer_or(seconds)):
                await self._work.wait()
        except TimeoutError:
            return

    def _until_timer_or(self, seconds: float | None) -> float | None:
        """Timers fire in time also when every slot is taken; while nothing may be claimed they wait."""
        due_at = math.inf if self._is_held() else self.timekeeper.next_at
        if due_at == math.inf:
            return seconds
        until = min(max(0.0, due_at - self._clock()), _LONGEST_WAIT_SECONDS)
        return until if seconds is None else min(seconds, until)

    async def _seconds_until_due(self, claimed_at: float) -> float | None:
        """
        Until something becomes due by the clock that was not yet when we claimed; `None`: nothing does.

        The journal is asked once the time that was known is over. Only our own postponements make work due later;
        they are noted when made, also while the journal is asked.
        """
        if claimed_at >= self._next_due_at:
            self._next_due_at = math.inf
            due_at = await self._journal.next_due_at(self._me, now=claimed_at)
            if due_at is not None:
                self._note_due(due_at)
        if self._next_due_at == math.inf:
            return None
        return min(max(0.0, self._next_due_at - self._clock()), _LONGEST_WAIT_SECONDS)

    def _note_due(self, due_at: float) -> None:
        self._next_due_at = min(self._next_due_at, due_at)

    async def _deliver(self, delivery: Delivery) -> None:
        """
        Run, and write down what became of it.

        The next claim need not wait for that commit: it comes behind it in the journal's queue.
        """
        traced = self._traces.delivery(
            delivery.delivery_id,
            turn=delivery.turn,
            handler=delivery.handler,
            chat_id=delivery.chat_id,
            due_at=delivery.due_at,
            attempt=delivery.attempts + 1,
        )
        try:
            with traced:
                await self._run_and_write(delivery)
        finally:
            self._unwritten.discard(delivery.delivery_id)
            if self._is_draining:
                self._work.set()

    async def _run_and_write(self, delivery: Delivery) -> None:
        async with self._store_turns.running(delivery):
            try:
                started_at = self._clock()
                self._durations.waited(delivery.handler, max(0.0, started_at - delivery.due_at))
                result = await self._run(delivery)
                took = self._clock() - started_at
            finally:
                self.running -= 1
                self._suspects.end(delivery)
                self._work.set()
            with span("delivery.finish"):
                await self._write_end(delivery, result, took=took)
        if isinstance(delivery, UtteranceDelivery):
            self._attempts.tools.speech.note_end()

    async def _write_end(self, delivery: Delivery, result: Result, *, took: float) -> None:
        """
        An end that cannot be written down is a mistake of ours, and costs its own delivery only.

        If it can be, the cursor moves to where it would have: what was answered is not answered again.
        """
        move = result.move if isinstance(result, Returned | Failed) else STAY
        try:
            await self._conclude(delivery, result, took=took)
        except JournalError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is
            failed = mistake(exc, "while its end was written down")
            await self._write_mistake(delivery, failed, move, took=took)

    async def _write_mistake(
        self, delivery: Delivery, failed: Failed, move: CursorMove, *, took: float
    ) -> None:
        try:
            await self._conclude(delivery, dataclasses.replace(failed, move=move), took=took)
        except JournalError:
            raise
        except Exception:  # noqa: BLE001 - then it is the move
            await self._conclude(delivery, failed, took=took)

    async def _run(self, delivery: Delivery) -> Result:
        if self._is_paused(delivery.handler, delivery.chat_id):
            return Paused()
        if died := given_up(delivery):
            return await self._attempts.give_up(delivery, died)
        if isinstance(delivery, UtteranceDelivery):
            # Nothing of its plugin is run.
            return self.blocked.note(delivery, await self._attempts.run(delivery))
        if refused := self.lifecycle.refuse(delivery.handler) or self.quarantine.refuse(delivery.handler):
            return refused
        result = self.blocked.note(delivery, await self._attempts.run(delivery))
        self.quarantine.note(delivery.handler, result)
        return result

    async def _conclude(self, delivery: Delivery, result: Result, *, took: float) -> None:
        now = self._clock()
        if isinstance(result, Unanswered) and self._is_paused(delivery.handler, delivery.chat_id):
            # What it was about to say was kept back, perhaps.
            result = Paused()
        verdict = judge(
            result,
            attempts=delivery.attempts,
            outage=self._outage_timer.note(delivery.delivery_id, result),
            settings=self._settings,
            draw=self._draw(),
            max_attempts=self._attempts.max_attempts(delivery.handler),
        )
        match verdict:
            case Finish():
                await self._finish(delivery, verdict, now=now, took=took)
            case Postpone():
                await self._postpone(delivery, verdict, now=now)
            case Bury():
                await self._bury(delivery, verdict, now=now)
            case Park():
                await self._park(delivery, now=now)
        await self._hasten_overtaken(delivery, result, now=now)

    async def _hasten_overtaken(self, delivery: Delivery, result: Result, *, now: float) -> None:
        """What is to be said first waits for others of its lane: when one of them has ended, it looks again."""
        if isinstance(delivery, UtteranceDelivery):
            if isinstance(result, Overtaken):
                self._overtaken[delivery.lane].add(delivery.delivery_id)
            return
        for delivery_id in self._overtaken.pop(delivery.lane, ()):
            await self._journal.hasten(self._me, delivery_id=delivery_id, plugin=None, now=now)
            self._work.set()

    async def _finish(self, delivery: Delivery, verdict: Finish, *, now: float, took: float) -> None:
        returned = verdict.returned
        async with self._store_turns.committing(delivery, returned.changes):
            end = await self._journal.finish(
                delivery,
                self._timed(returned.move),
                now=now,
                changes=returned.changes,
                record=returned.record,
            )
            has_ended = await self._note_end(delivery, returned.changes, end, now=now)
        if not has_ended:
            return
        self._suspects.clear(delivery)
        self._observer.tell(
            DeliveryFinished(
                handler=delivery.handler,
                lane=delivery.lane,
                shown=returned.shown,
                sends=returned.sends,
                took=round(took, 4),
            )
        )

    async def _note_end(self, delivery: Delivery, changes: Changes, end: TurnEnd, *, now: float) -> bool:
        """Whether the delivery has ended; else it is run again."""
        if changes:
            self._note_changes(delivery, changes, end)
        if end.outcome is EndOutcome.OUTDATED:
            self._store_turns.note_outdated(delivery)
            await self._run_again(delivery, now=now)
            return False
        self._store_turns.note_ended(delivery)
        return True

    async def _run_again(self, delivery: Delivery, *, now: float) -> None:
        """From what is there now; what it has said stands."""
        await self._journal.postpone(delivery, due_at=now, spend=False)
        self._observer.tell(DeliveryOutdated(handler=delivery.handler, lane=delivery.lane))
        # The claim that followed the run's end came before this.
        self._work.set()

    def _note_changes(self, delivery: Delivery, changes: Changes, end: TurnEnd) -> None:
        self._attempts.note_end(delivery, changes, end)
        # Only to wait for less: a look for work at each timer that is set would cost as much as the timer.
        if end.outcome is EndOutcome.DONE and self.timekeeper.note_changes(changes):
            self._work.set()

    def _timed(self, move: CursorMove) -> CursorMove:
        """With the time to look for its holes."""
        if not move.holes:
            return move
        hole_at = min(hole.noticed_at for hole in move.holes) + self._settings.hole_grace
        self._note_due(hole_at)
        return dataclasses.replace(move, hole_at=hole_at)

    async def _postpone(self, delivery: Delivery, verdict: Postpone, *, now: float) -> None:
        due_at = now + verdict.delay
        self._note_due(due_at)
        await self._journal.postpone(delivery, due_at=due_at, spend=verdict.spend, error=verdict.error)
        if not verdict.reason:
            return
        self._observer.tell(
            DeliveryPostponed(
                handler=delivery.handler,
                lane=delivery.lane,
                reason=verdict.reason,
                attempts=delivery.attempts + verdict.spend,
                spent=verdict.spend,
                retry_in=round(verdict.delay, 3),
                trace=verdict.trace,
            )
        )

    async def _park(self, delivery: Delivery, *, now: float) -> None:
        """
        What was resumed since it was claimed is due again: the journal has made due what was parked by then.

        Nothing is awaited between that look and the verb.
        """
        due_at = PARKED_AT if self._is_paused(delivery.handler, delivery.chat_id) else now
        await self._journal.postpone(delivery, due_at=due_at, spend=False)
        if due_at == now:
            self._work.set()

    async def _bury(self, delivery: Delivery, verdict: Bury, *, now: float) -> None:
        failed = verdict.failed
        async with self._store_turns.committing(delivery, failed.changes):
            end = await self._journal.bury(
                delivery,
                failed.letter,
                self._timed(failed.move),
                now=now,
                changes=failed.changes,
                record=failed.record,
            )
            has_ended = await self._note_end(delivery, failed.changes, end, now=now)
        if not has_ended:
            return
        self._suspects.clear(delivery)
        self.blocked.forget(delivery)
        self._observer.tell(
            DeliveryBuried(
                handler=delivery.handler,
                lane=delivery.lane,
                reason=failed.letter.reason,
                attempts=delivery.attempts + 1,
                trace="" if delivery.attempts else failed.letter.trace,
            )
        )
