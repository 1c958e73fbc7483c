"""
One call of a handler that hears of other things than messages: of one frame, as it was journaled.

What the frame is about is read when its handler's turn has come, by a plain GET. If the handler was told of that
version before, by another frame or by a look at the lists, it is not run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.run import run_logger
from mycel_runtime.dispatch.turn_record import event_record
from mycel_runtime.dispatch.verdict import Failed, Returned, is_given_up, with_record
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.restored import MAY_BE_DONE, RESTORED
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.deeds import Deeds
from mycel_runtime.plugin.event_context import event_context
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.subscription import FrameSubscription
from mycel_runtime.plugin.voice import Voice
from mycel_runtime.wire.codec import decode_frame, decode_item
from mycel_runtime.wire.frames import Notify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.dispatch.capture import Capture
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.told_versions import ToldVersions
    from mycel_runtime.dispatch.verdict import Result, Unanswered
    from mycel_runtime.journal.delivery import EventDelivery
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.journal.turns import Decided
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.frame_context import FrameView
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.subject import Subject, SubjectReader
    from mycel_runtime.plugin.subscription import EventKind
    from mycel_runtime.plugin.voice import VoiceDependencies
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryAttempts:
    """
    Runs deliveries of frames.

    Attributes:
        journal: Tells whether it was restored from a backup.
        subjects: Reads what a frame is about.
        told: What each handler was told.
        states: What plugins remember.
        bounds: How long and how often.
        call: Runs a handler.
        voices: What it takes to speak first.
        me: The identity.
        clock: Epoch seconds.
        observer: Told of what handlers decide.
        capture: Keeps what runs were shown; `None`: nobody does.
    """

    journal: DispatcherJournal
    subjects: SubjectReader
    told: ToldVersions
    states: PluginStates
    bounds: HandlerBounds
    call: Callable[[BoundHandler, Context], Awaitable[Failed | Unanswered | None]]
    voices: VoiceDependencies
    me: UserId
    clock: Callable[[], float]
    observer: Observer
    capture: Capture | None = None

    async def run(self, delivery: EventDelivery, bound: BoundHandler) -> Result:
        """
        Run the handler, unless it was told of the same.

        Raises:
            ApiError: What the frame is about cannot be read.
            JournalError: The journal failed.

        Cancelling: what was done stays done.
        """
        if await self._may_be_done(delivery):
            return Failed(letter=Letter(reason=MAY_BE_DONE), is_permanent=True)
        frame, kind = frame_of(delivery.entry.raw), _kind(bound)
        subject = await self.subjects.read(kind, frame.metadata)
        if subject is not None and await self.told.is_told(delivery, subject):
            return Returned()
        shown = None if self.capture is None else ShownRun()
        sdk, voice = (
            sdk_calls(self.subjects.sdk, me=self.me, shown=shown),
            Voice(dependencies=self.voices, delivery=delivery),
        )
        run = ContextRun(await self.states.given(delivery.handler, None), sdk, voice.complete)
        decided: list[Decided] = []
        context = self._context(delivery, bound, frame, kind, subject, run, decided, voice)
        began_at = self.clock()
        ended = await self.call(bound, context)
        record = event_record(context, subject, decided, voice, ended, began_at=began_at)
        if self.capture is not None and shown is not None:
            record = self.capture.of_event(record, shown, subject, voice)
        if ended is None:
            told = () if subject is None else (self.told.version(delivery, subject),)
            changes = run.changes._replace(told=told)
            return Returned(shown=1, changes=changes, record=record)
        if subject is not None:
            await self._note_given_up(delivery, bound, subject, ended)
        return with_record(ended, record) or ended

    async def _may_be_done(self, delivery: EventDelivery) -> bool:
        """It is from before a restore, and handed out again; unless the operator wants it."""
        if delivery.is_revived or delivery.entry.ts is None:
            return False
        restored_at = await self.journal.noted(self.me, kind=RESTORED, key="")
        return restored_at is not None and delivery.entry.ts <= float(restored_at)

    def _context(
        self,
        delivery: EventDelivery,
        bound: BoundHandler,
        frame: Notify,
        kind: EventKind,
        subject: Subject | None,
        run: ContextRun,
        decided: list[Decided],
        voice: Voice,
    ) -> FrameView:
        deeds = Deeds(
            kind=kind,
            metadata=frame.metadata,
            shown=subject,
            reader=self.subjects,
            handler=delivery.handler,
            observer=self.observer,
            decided=decided,
        )
        return event_context(
            kind,
            None if subject is None else subject.row,
            deeds,
            event_type=frame.event_type,
            metadata=frame.metadata,
            me=self.me,
            settings=bound.settings,
            log=run_logger(delivery),
            deadline=self.bounds.deadline(bound.handler),
            attempt=delivery.attempts + 1,
            _run=run,
            _runtime=voice,
        )

    async def _note_given_up(
        self,
        delivery: EventDelivery,
        bound: BoundHandler,
        subject: Subject,
        ended: Failed | Unanswered,
    ) -> None:
        """Unless it is to be run again on the same."""
        most = self.bounds.max_attempts(bound.handler)
        if isinstance(ended, Failed) and is_given_up(ended, attempts=delivery.attempts, most=most):
            await self.told.note_given_up(delivery, subject)


def frame_of(raw: str) -> Notify:
    """What an entry holds: a frame of the stream, or an item of a drain."""
    frame = decode_frame(raw)
    if not isinstance(frame, Notify):
        frame = decode_item(json.loads(raw))
    assert isinstance(frame, Notify)
    return frame


def _kind(bound: BoundHandler) -> EventKind:
    subscription = bound.handler.subscription
    assert isinstance(subscription, FrameSubscription)
    return subscription.kind
