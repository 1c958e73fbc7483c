"""
One attempt at what stands in a chat: read, and shown to its handler, again and again while others speak first.

Bodies are read here and never earlier: from the history above the handler's own cursor, by a plain GET that
moves nothing on the server.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.briefing import covering
from mycel_runtime.dispatch.error_boundary import contained
from mycel_runtime.dispatch.last_words import after_last_words, say
from mycel_runtime.dispatch.message_run import wanted_by
from mycel_runtime.dispatch.verdict import (
    Failed,
    Outspoken,
    Overtaken,
    Result,
    Returned,
    Unanswered,
    Waiting,
    refused,
)
from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import AnswerDelivery, ChatDelivery, LetterDelivery
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.speech.interrupts import SupersededError
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.anchor import Anchor
    from mycel_runtime.dispatch.briefing import Reading
    from mycel_runtime.dispatch.chat_reader import ChatReader
    from mycel_runtime.dispatch.lively_chats import LivelyChats
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.dispatch.message_run import MessageRuns
    from mycel_runtime.dispatch.questions import Questions
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.speech.twin_watch import TwinWatch

ANSWERED: Final = "answered in this agent's name, and not by this journal"

_ROUND_PAUSE_SECONDS: Final = 0.05
"""Before a superseded handler is asked again, times a draw: two runtimes in one chat must not keep step."""


@dataclass(slots=True, kw_only=True)
class MessageAttempts:
    """
    Runs deliveries of messages, of answers and of dead letters.

    Attributes:
        reader: Reads chats.
        anchor: Where a handler starts in a chat.
        outbox: Makes turns.
        loop_guard: May hold the chat.
        twin_watch: Says whether somebody else speaks as the identity.
        questions: What was asked.
        lively_chats: Chats in which others speak faster.
        runs: Runs a handler on what it is shown.
        hole_grace: Seconds that a number which was drawn may take to appear.
        draw: Random numbers in [0, 1).
    """

    reader: ChatReader
    anchor: Anchor
    outbox: Outbox
    loop_guard: LoopGuard
    twin_watch: TwinWatch
    questions: Questions
    lively_chats: LivelyChats
    runs: MessageRuns
    hole_grace: float
    draw: Callable[[], float]

    async def run_on_answer(self, delivery: AnswerDelivery, bound: BoundHandler) -> Result:
        """
        A question's work: is there an answer, or will there be none? If neither is so, its handler is not run.

        Raises, Cancelling: as of `run`, `Questions.decided`.
        """
        decided = await self.questions.decided(delivery)
        return Returned() if decided is None else await self.run(decided, bound)

    async def run(self, delivery: MessageDelivery, bound: BoundHandler) -> Result:
        """
        Chat work: whatever is above the handler's cursor, once more for each time that somebody speaks first.

        Raises:
            ApiError: The chat cannot be read.
            UnansweredError, RefusedError: As of `Turn.settle_unresolved`.
            JournalError: The journal failed.

        Cancelling: what was said stays said.
        """
        delivery_id = delivery.delivery_id
        turn = await self._turn(delivery, bound)
        reading = await self._first_reading(delivery, turn, bound)
        if seconds := self._seconds_to_wait(reading, bound):
            return Waiting(seconds=seconds)
        rounds, began_at = self.lively_chats.rounds(delivery_id), self.outbox.clock()
        for number in range(rounds):
            if number:
                await asyncio.sleep(_ROUND_PAUSE_SECONDS * self.draw())
                began_at, reading = self.outbox.clock(), await self.reader.read(delivery, turn)
            try:
                result = await self._ask(reading, bound, turn, is_again=number > 0)
            except SupersededError:
                continue
            self.lively_chats.note_ended(delivery_id)
            return result
        return self._overtaken(reading, turn, bound, rounds, seconds=self.outbox.clock() - began_at)

    async def _first_reading(self, delivery: MessageDelivery, turn: Turn, bound: BoundHandler) -> Reading:
        if isinstance(delivery, AnswerDelivery) and not delivery.is_answered:
            return await self.reader.read_since_question(delivery, turn)
        overheard = await self.reader.overheard(delivery, turn, wanted_by(bound))
        return overheard or await self.reader.read(delivery, turn)

    async def _turn(self, delivery: MessageDelivery, bound: BoundHandler) -> Turn:
        """The delivery's speech, with what became of earlier runs' sends."""
        chat_id = delivery.chat_id
        turn = self.outbox.turn(
            delivery,
            chat_id,
            await self.anchor.handled_seq(delivery, chat_id),
            on_conflict=bound.handler.on_conflict,
            may_speak=lambda: self.loop_guard.require_speech(delivery, chat_id),
        )
        await turn.settle_unresolved()
        return turn

    def _seconds_to_wait(self, reading: Reading, bound: BoundHandler) -> float:
        """Until the chat has been silent for as long as the handler asks for, or has been found to need."""
        if not reading.foreign:
            return 0.0
        return self.lively_chats.seconds_to_wait(
            reading.delivery.delivery_id, reading.newest_seq, quiet=bound.handler.quiet
        )

    def _overtaken(
        self, reading: Reading, turn: Turn, bound: BoundHandler, rounds: int, *, seconds: float
    ) -> Result:
        """All rounds were in vain: once more when the chat is silent, and that was the last one."""
        delivery_id = reading.delivery.delivery_id
        was_last = self.lively_chats.is_last_round(delivery_id)
        self.lively_chats.note_overtaken(delivery_id, seconds=seconds)
        if not was_last:
            return Outspoken(rounds=rounds)
        reason = (
            f"somebody spoke during each run, also when it was the last (on_conflict={bound.handler.on_conflict!r});"
            " ask for quiet=, or for ctx.newer() before the reply"
        )
        turn.ledger.leave_unshown()
        move = CursorMove(handled_seq=turn.ledger.shown_seq)
        failed = Failed(letter=Letter(reason=reason), move=move, is_permanent=True, is_answer=True)
        return covering(failed, reading, turn.ledger, hole_grace=self.hole_grace)

    async def _ask(self, reading: Reading, bound: BoundHandler, turn: Turn, *, is_again: bool) -> Result:
        """One round: run the handler on what is unseen."""
        is_in_vain = is_again and turn.ledger.seen_seqs.issuperset(
            message["seq"] for message in reading.history
        )
        result = await contained(self._show(reading, bound, turn, is_in_vain=is_in_vain))
        return covering(result, reading, turn.ledger, hole_grace=self.hole_grace)

    async def _show(self, reading: Reading, bound: BoundHandler, turn: Turn, *, is_in_vain: bool) -> Result:
        """
        Run the handler on what it has not been shown.

        Asked again with nothing new it would say the same and be refused again, perhaps for ever: that spends an
        attempt.
        """
        await self.reader.tell_others(reading)
        if reading.is_overtaken:
            return Overtaken()
        if (through_seq := await self._answered_through(reading, turn)) is not None:
            return await self._leave_answered(reading, through_seq, bound, turn)
        briefing, room = await self.reader.brief(reading, wanted_by(bound))
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
            ended, changes, record = await self.runs.tell(reading, bound, turn, room, briefing, seen_before)
        elif not reading.delivery.holes:
            self.reader.last_readings.keep(reading, turn.ledger.handled_seq)
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

    async def tell_given_up(
        self, delivery: ChatDelivery, failed: Failed, bound: BoundHandler, text: str
    ) -> Result:
        """
        Say a handler's last words for it, in a turn that has in view what it was last shown, and nothing else.

        Raises, Cancelling: as of `run`.
        """
        turn = await self._turn(delivery, bound)
        shown = (await self.reader.read(delivery, turn)).through(failed.move.handled_seq or MessageSeq(0))
        turn.show(shown.history)
        turn.begin_last_words()
        result = after_last_words(failed, await say(turn, text))
        return covering(result, shown, turn.ledger, hole_grace=self.hole_grace)

    async def _answered_through(self, reading: Reading, turn: Turn) -> MessageSeq | None:
        """A dead letter was given up for that, perhaps: it is tried again because the operator wants it."""
        delivery = reading.delivery
        if isinstance(delivery, LetterDelivery) or (
            isinstance(delivery, AnswerDelivery) and delivery.is_revived
        ):
            return None
        through_seq = await self.twin_watch.answered_through(
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
        briefing, _ = await self.reader.brief(answered, wanted_by(bound))
        turn.show(answered.history)
        turn.ledger.give(message.id for message in briefing.messages)
        turn.ledger.leave_beyond(reading.beyond(through_seq))
        move = CursorMove(handled_seq=turn.ledger.through_seq, wanted_seq=turn.ledger.wanted_seq)
        if not briefing.messages:
            return Returned(move=move)
        self.twin_watch.note_given_up(reading.delivery.chat_id, len(briefing.messages))
        letter = Letter(reason=ANSWERED)
        return Failed(letter=letter, move=move, is_permanent=True, is_answer=True, is_untold=True)
