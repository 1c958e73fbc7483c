"""
One call of one handler: what it is shown, for how long, and how it ended.

Bodies are read here and never earlier: from the history above the handler's own cursor, by a plain GET that
moves nothing on the server.
"""

from __future__ import annotations

import asyncio
import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.anchor import Anchor
from mycel_runtime.dispatch.briefing import covering
from mycel_runtime.dispatch.chat_reader import ChatReader, NewerMessages
from mycel_runtime.dispatch.entry_attempt import EntryAttempts
from mycel_runtime.dispatch.error_boundary import contained, mistake
from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.dispatch.hook_attempt import HookAttempts
from mycel_runtime.dispatch.interruption import Announcements, interruptible, wait_for_interruption
from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.dispatch.last_words import after_last_words, giving_up, has_last_words, say
from mycel_runtime.dispatch.listeners import Listeners
from mycel_runtime.dispatch.lively_chats import LivelyChats
from mycel_runtime.dispatch.plugin_reader import PluginReader
from mycel_runtime.dispatch.plugin_states import PluginStates
from mycel_runtime.dispatch.questions import Questions, question_view
from mycel_runtime.dispatch.run import ending_of, run_handler, run_logger
from mycel_runtime.dispatch.timer_attempt import TimerAttempts
from mycel_runtime.dispatch.told_versions import ToldVersions
from mycel_runtime.dispatch.tool_runs import ToolRuns
from mycel_runtime.dispatch.tool_speech import ToolSpeech
from mycel_runtime.dispatch.tools import Tools
from mycel_runtime.dispatch.turn_record import message_record
from mycel_runtime.dispatch.utterance_attempt import UtteranceAttempts
from mycel_runtime.dispatch.verdict import (
    Failed,
    Outspoken,
    Overtaken,
    Result,
    Returned,
    Unanswered,
    Waiting,
    is_given_up,
    refused,
)
from mycel_runtime.errors import ApiError, JournalError
from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import (
    AnswerDelivery,
    ChatDelivery,
    EventDelivery,
    LetterDelivery,
    UtteranceDelivery,
)
from mycel_runtime.plugin.asking import Asking
from mycel_runtime.plugin.context import AnswerContext, MessageContext
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.conversation import Conversation
from mycel_runtime.plugin.isolation.workers import Workers
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.subject import SubjectReader
from mycel_runtime.plugin.subscription import AnswerSubscription, MessageSubscription
from mycel_runtime.plugin.voice import AgentChats, Voice, VoiceDependencies
from mycel_runtime.speech.interrupts import SupersededError, TurnEndedError
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from mycel_runtime.dispatch.briefing import Briefing, Reading
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.journal.changes import Changes, TurnEnd
    from mycel_runtime.journal.delivery import Delivery, MessageDelivery, SpokenDelivery
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.plugin.context import Context
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import ChatId, UserId

ANSWERED: Final = "answered in this agent's name, and not by this journal"

_ANY_MESSAGE: Final = MessageSubscription()
"""An answer is one, whatever it says."""

_ROUND_PAUSE_SECONDS: Final = 0.05
"""Before a superseded handler is asked again, times a draw: two runtimes in one chat must not keep step."""


class Attempts:
    """
    Runs deliveries of one identity.

    Args:
        journal: Where a handler's start in a chat is anchored.
        sdk: As the identity.
        outbox: How handlers speak.
        roster: Who is in a chat.
        loop_guard: The loop guard.
        twin_watch: Says whether somebody else speaks as the identity.
        handlers: By id.
        me: The identity.
        settings: `[dispatch]`.
        draw: Random numbers in [0, 1).
        state_dir: Where the daemon's socket is.

    Attributes:
        abandoned: What of them outlived its run.
        announcements: Told of which chats there may be news.
        states: What plugins remember.
        hooks: Runs those of the agent's start and stop.
        questions: What was asked.
        tools: What is read and said from outside.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        *,
        journal: Journal,
        sdk: AsyncClient,
        outbox: Outbox,
        roster: Roster,
        loop_guard: LoopGuard,
        twin_watch: TwinWatch,
        handlers: Mapping[HandlerId, BoundHandler],
        me: UserId,
        settings: DispatchSettings,
        draw: Callable[[], float],
        state_dir: Callable[[], Path],
    ) -> None:
        self._journal = journal
        self._sdk = sdk
        self._outbox = outbox
        self._roster = roster
        self._loop_guard = loop_guard
        self._twin_watch = twin_watch
        self._handlers = handlers
        self._me = me
        self._settings = settings
        self._draw = draw
        self.questions = Questions(
            journal=journal,
            sdk=sdk,
            me=me,
            handlers=[bound.handler for bound in handlers.values()],
            observer=outbox.observer,
            clock=outbox.clock,
        )
        self._reader = ChatReader(
            journal=journal,
            sdk=sdk,
            roster=roster,
            loop_guard=loop_guard,
            questions=self.questions,
            me=me,
            evidence=outbox.evidence,
            clock=outbox.clock,
        )
        self._lively_chats = LivelyChats(settings, clock=outbox.clock)
        self._anchor = Anchor(journal=journal, sdk=sdk, roster=roster, past_cap=settings.past_cap)
        self._workers = Workers()
        self.states = PluginStates(
            journal=journal,
            me=me,
            handlers=[bound.handler for bound in handlers.values()],
            clock=outbox.clock,
        )
        self.abandoned = AbandonedRuns()
        self.announcements = Announcements()
        self._bounds = HandlerBounds(settings)
        listeners = Listeners(
            journal=journal, anchor=self._anchor, handlers=handlers, me=me, clock=outbox.clock
        )
        self._wake: Callable[[], None] = lambda: None
        self._left_alone: Callable[[], Collection[str]] = tuple
        self._note_time: Callable[[float], None] = lambda _: None
        plugin_reader, agent_chats = self._plugin_reader(listeners), AgentChats(sdk)
        self.tools = Tools(
            reader=plugin_reader,
            speech=ToolSpeech(
                journal=journal,
                sdk=sdk,
                roster=roster,
                me=me,
                clock=outbox.clock,
                made=self._note_due,
            ),
            runs=ToolRuns(me=me, state_dir=state_dir),
            agent_chats=agent_chats,
            observer=outbox.observer,
        )
        self._voices = VoiceDependencies(
            journal=journal,
            me=me,
            chats=agent_chats,
            clock=outbox.clock,
            made=self._note_due,
            lane_of=chat_lane,
            reading=plugin_reader.reading,
            asking=Asking(handlers=self.questions.handlers, roster=roster, me=me, asks=self._note_asked),
        )
        self.hooks = HookAttempts(
            sdk=sdk, states=self.states, bounds=self._bounds, call=self._run, me=me, voices=self._voices
        )
        self._entries = EntryAttempts(
            subjects=SubjectReader(sdk),
            told=ToldVersions(journal),
            states=self.states,
            bounds=self._bounds,
            call=self._run,
            voice=self._voice,
            me=me,
            clock=outbox.clock,
            observer=outbox.observer,
        )
        self._timers = TimerAttempts(
            sdk=sdk,
            states=self.states,
            bounds=self._bounds,
            call=self._run,
            voice=self._voice,
            me=me,
            clock=outbox.clock,
        )
        self._utterances = UtteranceAttempts(
            sdk=sdk,
            outbox=outbox,
            roster=roster,
            loop_guard=loop_guard,
            twin_watch=twin_watch,
            listeners=listeners,
            handlers=handlers,
            me=me,
            observer=outbox.observer,
            left_alone=self._plugins_left_alone,
            questions=self.questions,
        )

    def serve(
        self,
        *,
        wake: Callable[[], None],
        left_alone: Callable[[], Collection[str]],
        note_time: Callable[[float], None] = lambda _: None,
    ) -> None:
        """
        Have them speak first, for the dispatcher that has them run.

        Args:
            wake: Called when something is due.
            left_alone: Plugins that are.
            note_time: Called with a time at which something will be.
        """
        self._wake, self._left_alone, self._note_time = wake, left_alone, note_time

    def note_news(self, chats: Collection[ChatId]) -> None:
        """There may be something new in these chats."""
        self.announcements.note(chats)
        if self.questions.note_news(chats):
            self._wake()

    def _note_asked(self, chat_id: ChatId, ends_at: float) -> None:
        self.questions.note_asked(chat_id)
        self._note_time(ends_at)

    def _plugin_reader(self, listeners: Listeners) -> PluginReader:
        return PluginReader(
            journal=self._journal,
            sdk=self._sdk,
            roster=self._roster,
            listeners=listeners,
            questions=self.questions,
            me=self._me,
            evidence=self._outbox.evidence,
            clock=self._outbox.clock,
            hole_grace=self._settings.hole_grace,
            wake=self._note_due,
        )

    def _note_due(self) -> None:
        self._wake()

    def _plugins_left_alone(self) -> Collection[str]:
        return self._left_alone()

    @property
    def evidence(self) -> Evidence:
        """What the backend has lately done and not done."""
        return self._outbox.evidence

    def max_attempts(self, handler: HandlerId) -> int:
        """How often a delivery of this handler is tried."""
        bound = self._handlers.get(handler)
        return self._settings.max_attempts if bound is None else self._bounds.max_attempts(bound.handler)

    def note_end(self, delivery: Delivery, changes: Changes, end: TurnEnd) -> None:
        """What became of what a run has changed."""
        self.states.note_end(delivery.handler, changes, end)

    async def close(self) -> None:
        """End the processes of isolated plugins."""
        await self._workers.close()

    async def run(self, delivery: Delivery) -> Result:
        """
        Run a claimed delivery's handler once; a superseded run goes on with more messages, a bounded number of times.

        Raises:
            JournalError: The journal failed; everything else is a result.

        Cancelling: what was said stays said; the delivery stays claimed and is recovered by the next process.
        """
        if isinstance(delivery, UtteranceDelivery):
            return await self._parked(delivery, await contained(self._utterances.run(delivery)))
        bound = self._handlers.get(delivery.handler)
        if bound is None:
            return Failed(letter=Letter(reason=f"no handler {delivery.handler} any more"), is_permanent=True)
        if isinstance(delivery, EventDelivery) and delivery.fired is not None:
            return await contained(self._timers.run(delivery, delivery.fired, bound))
        if isinstance(delivery, EventDelivery):
            return await contained(self._entries.run(delivery, bound))
        if isinstance(delivery, AnswerDelivery):
            result = await contained(self._run_on_answer(delivery, bound))
        else:
            result = await contained(self._run_on_chat(delivery, bound))
        return result if isinstance(result, Returned) else await self._parked(delivery, result)

    async def _parked(self, delivery: SpokenDelivery, result: Result) -> Result:
        """The result; what its turn has left unresolved for long is parked."""
        try:
            await self._outbox.park_unresolved(delivery)
        except JournalError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is
            move = result.move if isinstance(result, Failed) else STAY
            return dataclasses.replace(mistake(exc, "after the handler"), move=move)
        return result

    async def _run_on_answer(self, delivery: AnswerDelivery, bound: BoundHandler) -> Result:
        """A question's work: is there an answer, or will there be none? If neither is so, its handler is not run."""
        decided = await self.questions.decided(delivery)
        return Returned() if decided is None else await self._run_on_chat(decided, bound)

    async def _run_on_chat(self, delivery: MessageDelivery, bound: BoundHandler) -> Result:
        """Chat work: whatever is above the handler's cursor, once more for each time that somebody speaks first."""
        delivery_id = delivery.delivery_id
        turn = await self._turn(delivery, bound)
        reading = await self._first_reading(delivery, turn, bound)
        if seconds := self._seconds_to_wait(reading, bound):
            return Waiting(seconds=seconds)
        rounds, began_at = self._lively_chats.rounds(delivery_id), self._outbox.clock()
        for number in range(rounds):
            if number:
                await asyncio.sleep(_ROUND_PAUSE_SECONDS * self._draw())
                began_at, reading = self._outbox.clock(), await self._reader.read(delivery, turn)
            try:
                result = await self._ask(reading, bound, turn, is_again=number > 0)
            except SupersededError:
                continue
            self._lively_chats.note_ended(delivery_id)
            return result
        return self._overtaken(reading, turn, bound, rounds, seconds=self._outbox.clock() - began_at)

    async def _first_reading(self, delivery: MessageDelivery, turn: Turn, bound: BoundHandler) -> Reading:
        if isinstance(delivery, AnswerDelivery) and not delivery.is_answered:
            return await self._reader.read_since_question(delivery, turn)
        overheard = await self._reader.overheard(delivery, turn, _subscription(bound))
        return overheard or await self._reader.read(delivery, turn)

    async def _turn(self, delivery: MessageDelivery, bound: BoundHandler) -> Turn:
        """The delivery's speech, with what became of earlier runs' sends."""
        chat_id = delivery.chat_id
        turn = self._outbox.turn(
            delivery,
            chat_id,
            await self._anchor.handled_seq(delivery, chat_id),
            on_conflict=bound.handler.on_conflict,
            may_speak=lambda: self._loop_guard.require_speech(delivery, chat_id),
        )
        await turn.settle_unresolved()
        return turn

    def _seconds_to_wait(self, reading: Reading, bound: BoundHandler) -> float:
        """Until the chat has been silent for as long as the handler asks for, or has been found to need."""
        if not reading.foreign:
            return 0.0
        return self._lively_chats.seconds_to_wait(
            reading.delivery.delivery_id, reading.newest_seq, quiet=bound.handler.quiet
        )

    def _overtaken(
        self, reading: Reading, turn: Turn, bound: BoundHandler, rounds: int, *, seconds: float
    ) -> Result:
        """All rounds were in vain: once more when the chat is silent, and that was the last one."""
        delivery_id = reading.delivery.delivery_id
        was_last = self._lively_chats.is_last_round(delivery_id)
        self._lively_chats.note_overtaken(delivery_id, seconds=seconds)
        if not was_last:
            return Outspoken(rounds=rounds)
        reason = (
            f"somebody spoke during each run, also when it was the last (on_conflict={bound.handler.on_conflict!r});"
            " ask for quiet=, or for ctx.newer() before the reply"
        )
        turn.ledger.leave_unshown()
        move = CursorMove(handled_seq=turn.ledger.shown_seq)
        failed = Failed(letter=Letter(reason=reason), move=move, is_permanent=True, is_answer=True)
        return covering(failed, reading, turn.ledger, hole_grace=self._settings.hole_grace)

    async def _ask(self, reading: Reading, bound: BoundHandler, turn: Turn, *, is_again: bool) -> Result:
        """One round: run the handler on what is unseen."""
        is_in_vain = is_again and turn.ledger.seen_seqs.issuperset(
            message["seq"] for message in reading.history
        )
        result = await contained(self._show(reading, bound, turn, is_in_vain=is_in_vain))
        return covering(result, reading, turn.ledger, hole_grace=self._settings.hole_grace)

    async def _show(self, reading: Reading, bound: BoundHandler, turn: Turn, *, is_in_vain: bool) -> Result:
        """
        Run the handler on what it has not been shown.

        Asked again with nothing new it would say the same and be refused again, perhaps for ever: that spends an
        attempt.
        """
        await self._reader.tell_others(reading)
        if reading.is_overtaken:
            return Overtaken()
        if (through_seq := await self._answered_through(reading, turn)) is not None:
            return await self._leave_answered(reading, through_seq, bound, turn)
        briefing, room = await self._reader.brief(reading, _subscription(bound))
        refused_by, seen_before = turn.refused_by, turn.ledger.seen_ids
        turn.show(reading.history, is_attended=briefing.is_attended)
        turn.ledger.give(message.id for message in briefing.messages)
        ended: Failed | Unanswered | None = None
        changes = UNCHANGED
        record: TurnRecord | None = None
        is_due = bool(briefing.messages) or isinstance(reading.delivery, AnswerDelivery)
        if is_in_vain and (is_due or turn.is_superseded):
            ended = refused(refused_by)
        elif is_due:
            ended, changes, record = await self._tell(reading, bound, turn, room, briefing, seen_before)
        elif not reading.delivery.holes:
            self._reader.last_readings.keep(reading, turn.ledger.handled_seq)
        if turn.is_superseded and not is_in_vain:
            # The handler has swallowed that its reply came too late.
            raise SupersededError([])
        if isinstance(ended, Failed):
            move = CursorMove(handled_seq=turn.ledger.shown_seq)
            return dataclasses.replace(ended, move=move, record=record)
        return ended or Returned(
            move=CursorMove(handled_seq=turn.ledger.through_seq, wanted_seq=turn.ledger.wanted_seq),
            shown=len(briefing.messages),
            sends=turn.ledger.sends,
            changes=changes,
            record=record,
        )

    async def _tell(
        self,
        reading: Reading,
        bound: BoundHandler,
        turn: Turn,
        room: Room,
        briefing: Briefing,
        seen_before: frozenset[str],
    ) -> tuple[Failed | Unanswered | None, Changes, TurnRecord]:
        """Run the handler on what is new to it; how it ended, what it has changed, and what is logged of it."""
        await self._reader.note_shown(reading.delivery, turn)
        newer = NewerMessages(
            reader=self._reader,
            twin_watch=self._twin_watch,
            delivery=reading.delivery,
            turn=turn,
            subscription=_subscription(bound),
            known_ids={message["id"] for message in reading.earlier}.union(
                seen_before if turn.unsaid else turn.ledger.seen_ids
            ),
        )
        voice = self._voice(reading.delivery, turn, newer)
        context = await self._context(reading.delivery, bound, turn, room, briefing, newer, voice)
        spoken, base_seq, began_at = turn.ledger.spoken, turn.ledger.through_seq, self._outbox.clock()
        ended = await self._call_or_give_up(reading.delivery, bound, context, turn, newer)
        record = message_record(context, spoken, newer, voice, ended, base_seq=base_seq, began_at=began_at)
        return ended, context.run.changes, record

    async def _call_or_give_up(
        self,
        delivery: MessageDelivery,
        bound: BoundHandler,
        context: MessageContext,
        turn: Turn,
        newer: NewerMessages,
    ) -> Failed | Unanswered | None:
        """Run the handler; if it has failed for the last time, the person is told first, as the handler has said."""
        failed = await self._call(bound, context, turn)
        if not isinstance(failed, Failed) or turn.is_superseded:
            return failed
        most = self._bounds.max_attempts(bound.handler)
        if not is_given_up(failed, attempts=delivery.attempts, most=most):
            return failed
        if not has_last_words(bound.handler, delivery, failed):
            return failed
        turn.begin_last_words()
        if isinstance(text := bound.handler.on_give_up, str):
            return after_last_words(failed, await say(turn, text))
        voice = self._voice(delivery, turn, newer, is_giving_up=True)
        again = dataclasses.replace(
            context,
            failure=failed.letter.reason,
            deadline=self._bounds.deadline(bound.handler),
            _run=ContextRun(context.run.state, context.run.sdk, voice.complete),
            _runtime=voice,
        )
        ended = await self._call(giving_up(bound), again, turn)
        return after_last_words(failed, ended, again.run.changes)

    async def give_up(self, delivery: Delivery, failed: Failed) -> Result:
        """
        A delivery that is not run any more: the person is told, if the handler has a text for that.

        A function is not run: the process may have died of it.

        Raises:
            JournalError: The journal failed.

        Cancelling: as of `run`.
        """
        bound = self._handlers.get(delivery.handler)
        if bound is None or not isinstance(delivery, ChatDelivery) or failed.move.handled_seq is None:
            return failed
        if not isinstance(text := bound.handler.on_give_up, str):
            return failed
        return await contained(self._tell_given_up(delivery, failed, text))

    async def _tell_given_up(self, delivery: ChatDelivery, failed: Failed, text: str) -> Result:
        """In a turn that has in view what the handler was last shown, and nothing else."""
        turn = await self._turn(delivery, self._handlers[delivery.handler])
        shown = (await self._reader.read(delivery, turn)).through(failed.move.handled_seq or MessageSeq(0))
        turn.show(shown.history)
        turn.begin_last_words()
        result = after_last_words(failed, await say(turn, text))
        return covering(result, shown, turn.ledger, hole_grace=self._settings.hole_grace)

    async def _answered_through(self, reading: Reading, turn: Turn) -> MessageSeq | None:
        """A dead letter was given up for that, perhaps: it is tried again because the operator wants it."""
        delivery = reading.delivery
        if isinstance(delivery, LetterDelivery) or (
            isinstance(delivery, AnswerDelivery) and delivery.is_revived
        ):
            return None
        through_seq = await self._twin_watch.answered_through(
            delivery.chat_id, reading.history, handled_seq=turn.ledger.handled_seq
        )
        # That there is no answer is not answered by anybody.
        is_unanswered = isinstance(delivery, AnswerDelivery) and not delivery.is_answered
        return None if is_unanswered else through_seq

    async def _leave_answered(
        self, reading: Reading, through_seq: MessageSeq, bound: BoundHandler, turn: Turn
    ) -> Result:
        """What somebody else has answered in our name is a dead letter, if the handler would have been shown it."""
        answered = reading.through(through_seq)
        briefing, _ = await self._reader.brief(answered, _subscription(bound))
        turn.show(answered.history)
        turn.ledger.give(message.id for message in briefing.messages)
        turn.ledger.leave_beyond(reading.beyond(through_seq))
        move = CursorMove(handled_seq=turn.ledger.through_seq, wanted_seq=turn.ledger.wanted_seq)
        if not briefing.messages:
            return Returned(move=move)
        self._twin_watch.note_given_up(reading.delivery.chat_id, len(briefing.messages))
        letter = Letter(reason=ANSWERED)
        return Failed(letter=letter, move=move, is_permanent=True, is_answer=True, is_untold=True)

    async def _context(
        self,
        delivery: MessageDelivery,
        bound: BoundHandler,
        turn: Turn,
        room: Room,
        briefing: Briefing,
        newer: NewerMessages,
        voice: Voice,
    ) -> MessageContext:
        chat_id = delivery.chat_id
        chat = Conversation(
            chat_id=chat_id,
            turn=turn,
            show_newer=newer.show,
            open_tools=lambda: self.tools.runs.entry(turn, newer.show),
            sdk=self._sdk,
            roster=self._roster,
        )
        sdk = sdk_calls(self._sdk, me=self._me, chat=chat)
        make: Callable[..., MessageContext] = MessageContext
        messages = briefing.messages
        if isinstance(delivery, AnswerDelivery):
            messages, meanwhile = briefing.parted(delivery.wanted_seq if delivery.is_answered else None)
            make = partial(AnswerContext, question=question_view(delivery.question), meanwhile=meanwhile)
        return make(
            messages=messages,
            chat_id=chat_id,
            chat_type=room.chat_type,
            me=self._me,
            settings=bound.settings,
            log=run_logger(delivery),
            deadline=self._bounds.deadline(bound.handler),
            attempt=delivery.attempts + 1,
            guard=await self._loop_guard.view(delivery, chat_id, is_attended=briefing.is_attended),
            unsaid=turn.unsaid,
            failure="",
            said=turn.ledger.stored,
            _run=ContextRun(await self.states.given(delivery.handler, chat_id), sdk, voice.complete),
            _runtime=voice,
            _port=chat,
        )

    async def _call(
        self, bound: BoundHandler, context: MessageContext, turn: Turn
    ) -> Failed | Unanswered | None:
        """Run the handler; a reply that it left under way ends before anybody goes on."""
        try:
            with self.tools.runs.during(turn):
                if bound.handler.interrupt is None or not self._may_interrupt(context, turn.delivery):
                    ended = await self._run(bound, context)
                else:
                    ended = await self._interruptible(bound, context, turn, bound.handler.interrupt)
        except SupersededError:
            await turn.fall_silent()
            raise
        await turn.fall_silent()
        if ended is not None:
            return ended
        try:
            await turn.conclude()
        except (TurnEndedError, ApiError) as exc:
            return ending_of(exc)
        return None

    def _voice(
        self,
        delivery: Delivery,
        turn: Turn | None = None,
        newer: NewerMessages | None = None,
        *,
        is_giving_up: bool = False,
    ) -> Voice:
        """How a run of this delivery speaks first, and reads."""
        return Voice(
            dependencies=self._voices,
            delivery=delivery,
            turn=turn,
            newer=None if newer is None else newer.show,
            is_giving_up=is_giving_up,
        )

    def _may_interrupt(self, context: MessageContext, delivery: SpokenDelivery) -> bool:
        """Not the last run, which is the end whatever comes, nor one for messages that are complete."""
        return (
            isinstance(delivery, ChatDelivery)
            and not context.failure
            and not self._lively_chats.is_last_round(delivery.delivery_id)
        )

    async def _interruptible(
        self, bound: BoundHandler, context: MessageContext, turn: Turn, interrupt: ContentPattern
    ) -> Failed | Unanswered | None:
        """The run, until it ends or a message comes that interrupts it."""
        look = partial(self._reader.has_new, turn, subscription=_subscription(bound), pattern=interrupt)
        with self.announcements.listening(turn.chat_id) as announced:
            interruption = wait_for_interruption(announced, look)
            return await interruptible(self._run(bound, context), interruption, turn)

    async def _run(self, bound: BoundHandler, context: Context) -> Failed | Unanswered | None:
        """Call the handler, here or in a process of its plugin."""
        call = None if bound.worker is None else partial(self._workers.run, bound.worker)
        return await run_handler(bound.handler, context, abandoned=self.abandoned, call=call)


def _subscription(bound: BoundHandler) -> MessageSubscription:
    subscription = bound.handler.subscription
    if isinstance(subscription, AnswerSubscription):
        return _ANY_MESSAGE
    assert isinstance(subscription, MessageSubscription)
    return subscription
