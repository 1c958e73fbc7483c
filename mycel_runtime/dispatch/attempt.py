"""One attempt at a delivery, whatever it is of: who runs it, and what becomes of what that leaves behind."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.error_boundary import contained, mistake
from mycel_runtime.dispatch.verdict import Failed, Result, Returned
from mycel_runtime.errors import JournalError
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import AnswerDelivery, ChatDelivery, EventDelivery, UtteranceDelivery
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mycel_runtime.dispatch.abandoned import AbandonedRuns
    from mycel_runtime.dispatch.backlog import Backlog
    from mycel_runtime.dispatch.entry_attempt import EntryAttempts
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.handler_calls import HandlerCalls
    from mycel_runtime.dispatch.interruption import Announcements
    from mycel_runtime.dispatch.message_attempt import MessageAttempts
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.questions import Questions
    from mycel_runtime.dispatch.timer_attempt import TimerAttempts
    from mycel_runtime.dispatch.tools import Tools
    from mycel_runtime.dispatch.utterance_attempt import UtteranceAttempts
    from mycel_runtime.journal.changes import Changes, TurnEnd
    from mycel_runtime.journal.delivery import Delivery, SpokenDelivery
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.wire.ids import ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """
    Runs deliveries of one identity.

    Attributes:
        handlers: By id.
        messages: Runs those of messages, answers and dead letters.
        entries: Runs those of frames.
        timers: Runs those of timers and schedules.
        utterances: Says what is to be said first.
        outbox: How handlers speak.
        calls: Call handlers.
        bounds: How long and how often.
        states: What plugins remember.
        questions: What was asked.
        announcements: Told of which chats there may be news.
        tools: What is read and said from outside.
        backlog: Tells what of it is old.
        work_comes: Called when something may be due.
    """

    handlers: Mapping[HandlerId, BoundHandler]
    messages: MessageAttempts
    entries: EntryAttempts
    timers: TimerAttempts
    utterances: UtteranceAttempts
    outbox: Outbox
    calls: HandlerCalls
    bounds: HandlerBounds
    states: PluginStates
    questions: Questions
    announcements: Announcements
    tools: Tools
    backlog: Backlog
    work_comes: Callable[[], None]

    @property
    def abandoned(self) -> AbandonedRuns:
        """Runs that were given up and go on."""
        return self.calls.abandoned

    @property
    def evidence(self) -> Evidence:
        """What the backend has lately done and not done."""
        return self.outbox.evidence

    def note_news(self, chats: Collection[ChatId]) -> None:
        """There may be something new in these chats."""
        self.announcements.note(chats)
        if self.questions.note_news(chats):
            self.work_comes()

    def max_attempts(self, handler: HandlerId) -> int:
        """How often a delivery of this handler is tried."""
        bound = self.handlers.get(handler)
        return self.bounds.settings.max_attempts if bound is None else self.bounds.max_attempts(bound.handler)

    def note_end(self, delivery: Delivery, changes: Changes, end: TurnEnd) -> None:
        """What became of what a run has changed."""
        self.states.note_end(delivery.handler, changes, end)

    async def close(self) -> None:
        """End the processes of isolated plugins."""
        await self.calls.close()

    async def run(self, delivery: Delivery) -> Result:
        """
        Run a claimed delivery's handler once; a superseded run goes on with more messages, a bounded number of times.

        Raises:
            JournalError: The journal failed; everything else is a result.

        Cancelling: what was said stays said; the delivery stays claimed and is recovered by the next process.
        """
        if isinstance(delivery, UtteranceDelivery):
            return await self._parked(delivery, await contained(self.utterances.run(delivery)))
        bound = self.handlers.get(delivery.handler)
        if bound is None:
            return Failed(letter=Letter(reason=f"no handler {delivery.handler} any more"), is_permanent=True)
        if isinstance(delivery, EventDelivery) and delivery.fired is not None:
            return await contained(self.timers.run(delivery, delivery.fired, bound))
        if isinstance(delivery, EventDelivery):
            return await contained(self.entries.run(delivery, bound))
        if isinstance(delivery, AnswerDelivery):
            result = await contained(self.messages.run_on_answer(delivery, bound))
        else:
            result = await contained(self.messages.run(delivery, bound))
        return result if isinstance(result, Returned) else await self._parked(delivery, result)

    async def _parked(self, delivery: SpokenDelivery, result: Result) -> Result:
        """The result; what its turn has left unresolved for long is parked."""
        try:
            await self.outbox.park_unresolved(delivery)
        except JournalError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is
            move = result.move if isinstance(result, Failed) else STAY
            return dataclasses.replace(mistake(exc, "after the handler"), move=move)
        return result

    async def give_up(self, delivery: Delivery, failed: Failed) -> Result:
        """
        A delivery that is not run any more: the person is told, if the handler has a text for that.

        A function is not run: the process may have died of it.

        Raises:
            JournalError: The journal failed.

        Cancelling: as of `run`.
        """
        bound = self.handlers.get(delivery.handler)
        if bound is None or not isinstance(delivery, ChatDelivery) or failed.move.handled_seq is None:
            return failed
        if not isinstance(text := bound.handler.on_give_up, str):
            return failed
        return await contained(self.messages.tell_given_up(delivery, failed, bound, text))
