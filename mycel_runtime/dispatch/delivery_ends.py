"""
What becomes of a delivery after a run: judged, written down, and told.

The journal's word is final: an end whose changes were outdated meanwhile is none, and the delivery is run again.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.error_boundary import mistake
from mycel_runtime.dispatch.outage_timer import OutageTimer
from mycel_runtime.dispatch.store_turns import StoreTurns
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
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import (
    DeliveryBuried,
    DeliveryFinished,
    DeliveryOutdated,
    DeliveryPostponed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.attempt import Attempts
    from mycel_runtime.dispatch.blocked_chats import BlockedChats
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.suspects import Suspects
    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.changes import Changes, TurnEnd
    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.lean_event import LeanEvent
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import ChatId, UserId


@dataclass(slots=True, kw_only=True)
class DeliveryEnds:
    """
    Of one identity's deliveries.

    Attributes:
        journal: Where they are.
        me: The identity.
        attempts: How often one is tried; told what became of what a run has changed.
        bounds: `[dispatch]`, as it is by now.
        observer: Told what became of each.
        clock: Epoch seconds.
        draw: Random numbers in [0, 1).
        work: Set when something may be due.
        suspects: Told of those that are none any more.
        blocked: Told of those that are given up.
        is_paused: Whether a handler's work in a chat waits for the operator.
        store_turns: Whose turn it is to change what a plugin remembers.
    """

    journal: DispatcherJournal
    me: UserId
    attempts: Attempts
    bounds: HandlerBounds
    observer: Observer
    clock: Callable[[], float]
    draw: Callable[[], float]
    work: LeanEvent
    suspects: Suspects
    blocked: BlockedChats
    is_paused: Callable[[HandlerId, ChatId | None], bool]
    store_turns: StoreTurns = field(default_factory=StoreTurns)
    _outage_timer: OutageTimer = field(init=False)
    _overtaken: defaultdict[Lane, set[DeliveryId]] = field(
        default_factory=lambda: defaultdict(set), init=False
    )

    def __post_init__(self) -> None:
        self._outage_timer = OutageTimer(self.clock)

    def note_skipped(self, delivery: Delivery) -> None:
        """The operator has given it up, in the journal."""
        self.suspects.clear(delivery)
        self.blocked.forget(delivery)
        self.work.set()

    async def write(self, delivery: Delivery, result: Result, *, took: float) -> None:
        """
        Judge how a run ended, and write it down.

        An end that cannot be written down is a mistake of ours, and costs its own delivery only. If it can be, the
        cursor moves to where it would have: what was answered is not answered again.

        Args:
            delivery: Claimed.
            result: Of its run.
            took: Seconds of the run.

        Raises:
            JournalError: The journal failed; the delivery is due again at the next start.

        Cancelling: it stands in the journal as a whole or not at all.
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

    async def _conclude(self, delivery: Delivery, result: Result, *, took: float) -> None:
        if isinstance(result, Unanswered) and self.is_paused(delivery.handler, delivery.chat_id):
            # What it was about to say was kept back, perhaps.
            result = Paused()
        verdict = judge(
            result,
            attempts=delivery.attempts,
            outage=self._outage_timer.note(delivery.delivery_id, result),
            settings=self.bounds.settings,
            # The system's dice let go of the interpreter, which other threads then keep: no throw without need.
            draw=0.0 if isinstance(result, Returned) else self.draw(),
            max_attempts=self.attempts.max_attempts(delivery.handler),
        )
        match verdict:
            case Finish():
                await self._finish(delivery, verdict, took=took)
            case Postpone():
                await self._postpone(delivery, verdict)
            case Bury():
                await self._bury(delivery, verdict)
            case Park():
                await self._park(delivery)
        await self._hasten_overtaken(delivery, result)

    async def _hasten_overtaken(self, delivery: Delivery, result: Result) -> None:
        """What is to be said first waits for others of its lane: when one of them has ended, it looks again."""
        if isinstance(delivery, UtteranceDelivery):
            if isinstance(result, Overtaken):
                self._overtaken[delivery.lane].add(delivery.delivery_id)
            return
        for delivery_id in self._overtaken.pop(delivery.lane, ()):
            await self.journal.hasten(self.me, delivery_id=delivery_id, plugin=None)

    async def _finish(self, delivery: Delivery, verdict: Finish, *, took: float) -> None:
        returned = verdict.returned
        move = self._timed(returned.move)
        async with self.store_turns.committing(delivery, returned.changes):
            end = await self.journal.finish(delivery, move, changes=returned.changes, record=returned.record)
            has_ended = await self._note_end(delivery, returned.changes, end)
        if not has_ended:
            return
        self.suspects.clear(delivery)
        self.observer.tell(
            DeliveryFinished(
                handler=delivery.handler,
                lane=delivery.lane,
                shown=returned.shown,
                sends=returned.sends,
                took=round(took, 4),
            )
        )

    async def _note_end(self, delivery: Delivery, changes: Changes, end: TurnEnd) -> bool:
        """Whether the delivery has ended; else it is run again."""
        if changes:
            self.attempts.note_end(delivery, changes, end)
        if end.outcome is EndOutcome.OUTDATED:
            self.store_turns.note_outdated(delivery)
            await self._run_again(delivery)
            return False
        self.store_turns.note_ended(delivery)
        return True

    async def _run_again(self, delivery: Delivery) -> None:
        """From what is there now; what it has said stands."""
        await self.journal.postpone(delivery, after=0.0, spend=False)
        self.observer.tell(DeliveryOutdated(handler=delivery.handler, lane=delivery.lane))

    def _timed(self, move: CursorMove) -> CursorMove:
        """With the time to look for its holes."""
        if not move.holes:
            return move
        hole_at = min(hole.noticed_at for hole in move.holes) + self.bounds.settings.hole_grace
        return dataclasses.replace(move, hole_at=hole_at)

    async def _postpone(self, delivery: Delivery, verdict: Postpone) -> None:
        await self.journal.postpone(delivery, after=verdict.delay, spend=verdict.spend, error=verdict.error)
        if not verdict.reason:
            return
        self.observer.tell(
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

    async def _park(self, delivery: Delivery) -> None:
        """What was resumed since it was claimed is due again: whether it was, the journal knows."""
        await self.journal.await_resume(delivery)

    async def _bury(self, delivery: Delivery, verdict: Bury) -> None:
        failed = verdict.failed
        move = self._timed(failed.move)
        async with self.store_turns.committing(delivery, failed.changes):
            end = await self.journal.bury(
                delivery,
                failed.letter,
                move,
                changes=failed.changes,
                record=failed.record,
            )
            has_ended = await self._note_end(delivery, failed.changes, end)
        if not has_ended:
            return
        self.suspects.clear(delivery)
        self.blocked.forget(delivery)
        self.observer.tell(
            DeliveryBuried(
                handler=delivery.handler,
                lane=delivery.lane,
                reason=failed.letter.reason,
                attempts=delivery.attempts + 1,
                trace="" if delivery.attempts else failed.letter.trace,
            )
        )
