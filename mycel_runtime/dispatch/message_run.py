"""One run of a handler on messages: what it is given, how it may be interrupted, and its last words."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.chat_reader import NewerMessages
from mycel_runtime.dispatch.interruption import interruptible, wait_for_interruption
from mycel_runtime.dispatch.last_words import after_last_words, giving_up, has_last_words, say
from mycel_runtime.dispatch.questions import question_view
from mycel_runtime.dispatch.run import ending_of, run_logger
from mycel_runtime.dispatch.turn_record import message_record
from mycel_runtime.dispatch.verdict import Failed, is_given_up
from mycel_runtime.errors import ApiError
from mycel_runtime.journal.delivery import AnswerDelivery, ChatDelivery
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.answer_context import AnswerContext
from mycel_runtime.plugin.context_run import ContextRun
from mycel_runtime.plugin.conversation import Conversation
from mycel_runtime.plugin.message_context import MessageContext
from mycel_runtime.plugin.sdk_calls import sdk_calls
from mycel_runtime.plugin.subscription import AnswerSubscription, MessageSubscription
from mycel_runtime.plugin.voice import Voice
from mycel_runtime.speech.interrupts import SupersededError, TurnEndedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.briefing import Briefing, Reading
    from mycel_runtime.dispatch.capture import Capture
    from mycel_runtime.dispatch.chat_reader import ChatReader
    from mycel_runtime.dispatch.handler_bounds import HandlerBounds
    from mycel_runtime.dispatch.handler_calls import HandlerCalls
    from mycel_runtime.dispatch.interruption import Announcements
    from mycel_runtime.dispatch.lively_chats import LivelyChats
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.dispatch.plugin_states import PluginStates
    from mycel_runtime.dispatch.tool_runs import ToolRuns
    from mycel_runtime.dispatch.verdict import Unanswered
    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.delivery import MessageDelivery, SpokenDelivery
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.plugin.voice import VoiceDependencies
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import UserId

_ANY_MESSAGE: Final = MessageSubscription()
"""An answer is one, whatever it says."""


def wanted_by(bound: BoundHandler) -> MessageSubscription:
    """Which messages a handler of messages, or of answers, is shown."""
    subscription = bound.handler.subscription
    if isinstance(subscription, AnswerSubscription):
        return _ANY_MESSAGE
    assert isinstance(subscription, MessageSubscription)
    return subscription


def _may_come_more(delivery: SpokenDelivery) -> bool:
    """Whether what a handler is shown of its chat goes on; that of a dead letter is complete."""
    if isinstance(delivery, AnswerDelivery):
        return delivery.is_answered and not delivery.is_revived
    return isinstance(delivery, ChatDelivery)


@dataclass(slots=True, kw_only=True)
class MessageRuns:
    """
    Runs handlers of messages and answers.

    Attributes:
        calls: Call a handler.
        reader: Reads what comes while it runs.
        twin_watch: Looks at that, too.
        loop_guard: Tells the handler how its chat stands.
        lively_chats: Know which run is the last.
        announcements: Tell of news that may interrupt it.
        states: What plugins remember.
        bounds: How long and how often.
        voices: What it takes to speak first.
        tool_runs: What tools say as its run.
        sdk: As the identity.
        roster: Who is in a chat.
        me: The identity.
        clock: Epoch seconds.
        capture: Keeps what runs were shown; `None`: nobody does.
    """

    calls: HandlerCalls
    reader: ChatReader
    twin_watch: TwinWatch
    loop_guard: LoopGuard
    lively_chats: LivelyChats
    announcements: Announcements
    states: PluginStates
    bounds: HandlerBounds
    voices: VoiceDependencies
    tool_runs: ToolRuns
    sdk: AsyncClient
    roster: Roster
    me: UserId
    clock: Callable[[], float]
    capture: Capture | None = None

    async def tell(
        self,
        reading: Reading,
        bound: BoundHandler,
        turn: Turn,
        room: Room,
        briefing: Briefing,
        seen_before: frozenset[str],
    ) -> tuple[Failed | Unanswered | None, Changes, TurnRecord]:
        """
        Run the handler on what is new to it; how it ended, what it has changed, and what is logged of it.

        Raises:
            ApiError: Who is in the chat, or whether the chat is held, cannot be known.
            JournalError: The journal failed.
            SupersededError: The handler is to be asked again.

        Cancelling: what was said stays said.
        """
        await self.reader.note_shown(reading.delivery, turn)
        newer = NewerMessages(
            reader=self.reader,
            twin_watch=self.twin_watch,
            delivery=reading.delivery,
            turn=turn,
            subscription=wanted_by(bound),
            known_ids={message["id"] for message in reading.earlier}.union(
                seen_before if turn.unsaid else turn.ledger.seen_ids
            ),
        )
        voice = Voice(dependencies=self.voices, delivery=reading.delivery, turn=turn, newer=newer.show)
        shown = None if self.capture is None else ShownRun()
        context = await self._context(reading.delivery, bound, turn, room, briefing, newer, voice, shown)
        spoken, base_seq, began_at = turn.ledger.spoken, turn.ledger.through_seq, self.clock()
        ended = await self._call_or_give_up(reading.delivery, bound, context, turn, newer)
        record = message_record(context, spoken, newer, voice, ended, base_seq=base_seq, began_at=began_at)
        if self.capture is not None and shown is not None:
            record = self.capture.of_messages(record, shown, room, context, newer, voice)
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
        most = self.bounds.max_attempts(bound.handler)
        if not is_given_up(failed, attempts=delivery.attempts, most=most):
            return failed
        if not has_last_words(bound.handler, delivery, failed):
            return failed
        turn.begin_last_words()
        if isinstance(text := bound.handler.on_give_up, str):
            return after_last_words(failed, await say(turn, text))
        voice = Voice(
            dependencies=self.voices, delivery=delivery, turn=turn, newer=newer.show, is_giving_up=True
        )
        again = dataclasses.replace(
            context,
            failure=failed.letter.reason,
            deadline=self.bounds.deadline(bound.handler),
            _run=ContextRun(context.run.state, context.run.sdk, voice.complete),
            _runtime=voice,
        )
        ended = await self._call(giving_up(bound), again, turn)
        return after_last_words(failed, ended, again.run.changes)

    async def _context(
        self,
        delivery: MessageDelivery,
        bound: BoundHandler,
        turn: Turn,
        room: Room,
        briefing: Briefing,
        newer: NewerMessages,
        voice: Voice,
        shown: ShownRun | None,
    ) -> MessageContext:
        chat_id = delivery.chat_id
        chat = Conversation(
            chat_id=chat_id,
            turn=turn,
            show_newer=newer.show,
            open_tools=lambda: self.tool_runs.entry(turn, newer.show),
            sdk=self.sdk,
            roster=self.roster,
            shown=shown,
        )
        sdk = sdk_calls(self.sdk, me=self.me, chat=chat, shown=shown)
        make: Callable[..., MessageContext] = MessageContext
        messages = briefing.messages
        if isinstance(delivery, AnswerDelivery):
            messages, meanwhile = briefing.parted(delivery.wanted_seq if delivery.is_answered else None)
            make = partial(AnswerContext, question=question_view(delivery.question), meanwhile=meanwhile)
        return make(
            messages=messages,
            chat_id=chat_id,
            chat_type=room.chat_type,
            me=self.me,
            settings=bound.settings,
            log=run_logger(delivery),
            deadline=self.bounds.deadline(bound.handler),
            attempt=delivery.attempts + 1,
            guard=await self.loop_guard.view(delivery, chat_id, is_attended=briefing.is_attended),
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
            with self.tool_runs.during(turn):
                if bound.handler.interrupt is None or not self._may_interrupt(context, turn.delivery):
                    ended = await self.calls.run(bound, context)
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

    def _may_interrupt(self, context: MessageContext, delivery: SpokenDelivery) -> bool:
        """Not the last run, which is the end whatever comes, nor one for messages that are complete."""
        return (
            _may_come_more(delivery)
            and not context.failure
            and not self.lively_chats.is_last_round(delivery.delivery_id)
        )

    async def _interruptible(
        self, bound: BoundHandler, context: MessageContext, turn: Turn, interrupt: ContentPattern
    ) -> Failed | Unanswered | None:
        """The run, until it ends or a message comes that interrupts it."""
        look = partial(self.reader.has_new, turn, subscription=wanted_by(bound), pattern=interrupt)
        with self.announcements.listening(turn.chat_id) as announced:
            interruption = wait_for_interruption(announced, look)
            return await interruptible(self.calls.run(bound, context), interruption, turn)
