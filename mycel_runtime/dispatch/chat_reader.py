"""Reads a chat for a delivery's handler, and moves nothing on the server."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.briefing import Reading, brief, read_after
from mycel_runtime.dispatch.last_readings import LastReadings
from mycel_runtime.errors import ApiError
from mycel_runtime.journal.delivery import AnswerDelivery, LetterDelivery
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.trace import span
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.room import Room
from mycel_runtime.speech.caught_up import concerns
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.history import messages_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.dispatch.briefing import Briefing
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.dispatch.questions import Questions
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.plugin.subscription import MessageSubscription
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReader:
    """
    What it takes to see what is new in a chat.

    Attributes:
        journal: Where the chat's other handlers are told.
        sdk: As the identity.
        roster: Who is in a chat.
        loop_guard: Told who spoke.
        questions: Say what is somebody's answer.
        me: The identity.
        evidence: Told of chats that could be read.
        clock: Epoch seconds.
        last_readings: Of the identity's chats.
    """

    journal: DispatcherJournal
    sdk: AsyncClient
    roster: Roster
    loop_guard: LoopGuard
    questions: Questions
    me: UserId
    evidence: Evidence
    clock: Callable[[], float]
    last_readings: LastReadings = field(default_factory=LastReadings)

    async def read(self, delivery: MessageDelivery, turn: Turn) -> Reading:
        """
        What the delivery is about.

        Raises:
            ApiError: The history cannot be read.

        Cancelling: loses nothing.
        """
        read_at, handled_seq = self.clock(), turn.ledger.handled_seq
        after_seq = read_after(delivery, handled_seq)
        with span("chat.read"):
            page = await messages_after(
                self.sdk, delivery.chat_id, after_seq, expected=delivery.wanted_seq - after_seq
            )
        turn.ledger.note_readable()
        return Reading.of(page, delivery, handled_seq, me=self.me, read_at=read_at)

    async def read_since_question(self, delivery: AnswerDelivery, turn: Turn) -> Reading:
        """
        As `read`, for what is about nothing that stands in the chat: that it cannot be read keeps it from nobody.

        Who speaks there all the same is shown first what he was not shown.

        Cancelling: loses nothing.
        """
        try:
            return await self.read(delivery, turn)
        except ApiError:
            turn.ledger.note_unreadable()
            return Reading.of((), delivery, turn.ledger.handled_seq, me=self.me, read_at=self.clock())

    async def overheard(
        self, delivery: MessageDelivery, turn: Turn, subscription: MessageSubscription
    ) -> Reading | None:
        """
        What has just been read for another handler, if it is all that is due, and nothing in it is for this one.

        A handler that is to be run is shown what is read for it, which may be newer.

        Raises:
            ApiError: Who is in the chat cannot be read.

        Cancelling: loses nothing.
        """
        handled_seq = turn.ledger.handled_seq
        last = self.last_readings.take(delivery, handled_seq)
        if last is None:
            return None
        reading = Reading.of(last.history, delivery, handled_seq, me=self.me, read_at=last.read_at)
        room = await self.roster.room(delivery.chat_id, reading.speakers)
        taken = await self._taken(reading)
        return None if brief(reading, room, subscription, me=self.me, taken=taken).messages else reading

    async def tell_others(self, reading: Reading) -> None:
        """What this handler's reply would mark as read is due for the chat's other handlers first."""
        if reading.untold_seq is not None:
            await self.journal.want_others(reading.delivery, wanted_seq=reading.untold_seq)

    async def note_shown(self, delivery: MessageDelivery, turn: Turn) -> None:
        """If the process dies of what a suspect is shown, nobody is left to say what that was."""
        if delivery.suspicion is not None:
            await self.journal.note_shown(
                delivery, through_seq=turn.ledger.shown_seq, message_ids=turn.ledger.given_ids
            )

    async def has_new(
        self, turn: Turn, *, subscription: MessageSubscription, pattern: ContentPattern
    ) -> bool:
        """
        Whether somebody has said something since that the handler wants to hear, and in which the pattern is found.

        Raises:
            ApiError: The chat cannot be read.

        Cancelling: loses nothing.
        """
        page = await messages_after(self.sdk, turn.chat_id, turn.ledger.handled_seq)
        seen = turn.ledger.seen_ids
        taken = await self.questions.taken(turn.chat_id, page, after_seq=turn.ledger.handled_seq)
        new = [
            each
            for each in page
            if each["id"] not in seen and each["seq"] not in taken and concerns(each, self.me)
        ]
        if not new:
            return False
        room = await self.roster.room(turn.chat_id, {each["sender_id"] for each in new})
        messages = [
            message_from_api(each, me=self.me, sender_type=room.type_of(each["sender_id"])) for each in new
        ]
        return any(
            subscription.wants(each, room.chat_type) and pattern.is_in(each.content) for each in messages
        )

    async def brief(
        self, reading: Reading, subscription: MessageSubscription, *, is_more: bool = False
    ) -> tuple[Briefing, Room]:
        """
        What the handler is to be shown; the loop guard is told who spoke.

        Args:
            reading: What was read.
            subscription: What of it the handler wants.
            is_more: The handler has more in view than this.

        Raises:
            ApiError: Who is in the chat cannot be read.

        Cancelling: loses nothing.
        """
        chat_id = reading.delivery.chat_id
        room = await self._room(reading)
        taken = await self._taken(reading)
        briefing = brief(reading, room, subscription, me=self.me, taken=taken)
        if briefing.is_attended:
            await self.loop_guard.attend(chat_id)
        if briefing.is_sender_unknown or not is_more:
            self.loop_guard.note_sender(chat_id, is_sender_unknown=briefing.is_sender_unknown)
        self.evidence.done(Operation.READ, chat_id, self.clock())
        return briefing, room

    async def _room(self, reading: Reading) -> Room:
        """Who is in the chat; to be told that there is no answer, nobody needs to be let in there."""
        delivery = reading.delivery
        try:
            return await self.roster.room(delivery.chat_id, reading.speakers)
        except ApiError:
            if reading.history or not isinstance(delivery, AnswerDelivery) or delivery.is_answered:
                raise
            return Room(chat_type="", types={}, is_whole=False)

    async def _taken(self, reading: Reading) -> frozenset[int]:
        """Numbers of what is somebody's answer, and not this delivery's own."""
        delivery, messages, after_seq = reading.delivery, reading.history, reading.after_seq
        if not isinstance(delivery, AnswerDelivery):
            return await self.questions.taken(delivery.chat_id, messages, after_seq=after_seq)
        if delivery.asked_seq is not None:
            messages, after_seq = [*reading.earlier, *messages], min(after_seq, delivery.asked_seq)
        taken = await self.questions.taken(delivery.chat_id, messages, after_seq=after_seq)
        return taken - {delivery.wanted_seq} if delivery.is_answered else taken


@dataclass(slots=True, kw_only=True)
class NewerMessages:
    """
    What comes into the chat while its handler runs.

    Attributes:
        twin_watch: Looks for somebody else's words in our name: what is shown is behind the cursor afterwards.
        known_ids: What the handler knows as not new.
        shown: What it was shown, each time that it asked.
    """

    reader: ChatReader
    twin_watch: TwinWatch
    delivery: MessageDelivery
    turn: Turn
    subscription: MessageSubscription
    known_ids: set[str]
    shown: list[tuple[Message, ...]] = field(default_factory=list)

    async def show(self) -> list[Message]:
        """
        Those that the handler wants of what is new to it; all that there is counts as shown from then on.

        A dead letter's messages end where it was buried: what came since is not its own to be shown.

        Raises:
            ApiError: The chat cannot be read.
            UnansweredError: Somebody else speaks as this agent, and speech is held.

        Cancelling: what was not returned does not count as shown.
        """
        if isinstance(self.delivery, LetterDelivery):
            self.shown.append(())
            return []
        async with self.turn.holding_still():
            whole = await self.reader.read(self.delivery, self.turn)
            await self.twin_watch.answered_through(
                self.delivery.chat_id, whole.history, handled_seq=self.turn.ledger.handled_seq
            )
            reading = whole.without(self.known_ids)
            await self.reader.tell_others(reading)
            briefing, _ = await self.reader.brief(reading, self.subscription, is_more=True)
            self.turn.show_more(reading.history, is_attended=briefing.is_attended)
        self.known_ids.update(message["id"] for message in (*reading.earlier, *reading.history))
        self.turn.ledger.give(message.id for message in briefing.messages)
        await self.reader.note_shown(self.delivery, self.turn)
        self.shown.append(briefing.messages)
        return list(briefing.messages)
