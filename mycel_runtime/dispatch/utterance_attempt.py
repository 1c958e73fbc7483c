"""
One attempt to say something first.

It is said by a turn of its own, so with a write-ahead intent, the proof of being caught up, and a look at the
history when nobody knows what became of it. What its handler is to a reply, all handlers of messages are to these
words: whatever stands before them in the chat was shown to every one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.audience import Audience
from mycel_runtime.dispatch.run import ending_of
from mycel_runtime.dispatch.verdict import Outspoken, Overtaken, Returned, refused
from mycel_runtime.errors import ApiError
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.tool_handlers import TOOL_REPLY
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import UtteranceDropped
from mycel_runtime.plugin.subscription import ScheduleSubscription
from mycel_runtime.speech.caught_up import concerns
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.interrupts import DroppedError, SupersededError, TurnEndedError, WithheldError
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mycel_runtime.dispatch.listeners import Listeners
    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.dispatch.questions import Questions
    from mycel_runtime.dispatch.verdict import Result
    from mycel_runtime.journal.delivery import UtteranceDelivery
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.speech.twin_watch import TwinWatch
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import Message

_ROUNDS: Final = 5
"""In which somebody may speak first while no handler wants to hear it; then a later attempt goes on."""

HELD: Final = "the loop guard holds the chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """
    What was read of the chat: all that some handler has not been shown, if it is anything, and perhaps more.

    Attributes:
        holes: Of the tool that speaks: numbers below what it was shown that were not there then.
    """

    after_seq: MessageSeq
    history: list[Message]
    foreign: list[Message]
    audience: Audience
    holes: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceAttempts:
    """
    Says what is to be said first.

    Attributes:
        sdk: As the identity.
        outbox: Makes turns.
        roster: Who is in a chat.
        loop_guard: May hold the chat.
        twin_watch: Says whether somebody else speaks as the identity.
        listeners: Are told of what they have not been shown.
        handlers: By id.
        me: The identity.
        observer: Told of what is not said.
        left_alone: Plugins that are.
        questions: What was asked.
    """

    sdk: AsyncClient
    outbox: Outbox
    roster: Roster
    loop_guard: LoopGuard
    twin_watch: TwinWatch
    listeners: Listeners
    handlers: Mapping[HandlerId, BoundHandler]
    me: UserId
    observer: Observer
    left_alone: Callable[[], Collection[str]]
    questions: Questions

    async def run(self, delivery: UtteranceDelivery) -> Result:
        """
        Say it, if all that comes before was shown to whom it concerns.

        Raises:
            ApiError: The chat cannot be read.
            UnansweredError, RefusedError: As of `Turn.send`.
            JournalError: The journal failed.

        Cancelling: as of `Turn.send`.
        """
        turn: Turn | None = None
        for _ in range(_ROUNDS):
            view = await self._look(delivery, None if turn is None else turn.ledger.handled_seq)
            if turn is None:
                turn = await self._turn(delivery, view.after_seq)
            if (ended := await self._without_saying(delivery, turn, view)) is not None:
                return ended
            try:
                return await self._say(delivery, turn, view)
            except SupersededError:
                if turn.refused_by is not None:
                    return refused(turn.refused_by)
        return Outspoken(rounds=_ROUNDS)

    async def _without_saying(self, delivery: UtteranceDelivery, turn: Turn, view: _View) -> Result | None:
        """How it ends if nothing is to be said now, or not any more; `None`: it is to be said."""
        if turn.ledger.sends:
            return Returned(sends=1)
        if delivery.utterance.content is None:
            return Returned()
        if self._is_dropped(delivery, view):
            return self._drop(delivery)
        if await self._is_answer_untold(delivery):
            return Overtaken(reason="an answer comes first")
        return Overtaken() if view.audience.unshown(view.foreign) else None

    async def _is_answer_untold(self, delivery: UtteranceDelivery) -> bool:
        """Whether there is an answer in the chat that its handler, which is waited for, has not been told of."""
        return bool(await self.questions.untold(delivery.chat_id, delivery.lane) - set(self.left_alone()))

    async def _turn(self, delivery: UtteranceDelivery, after_seq: MessageSeq) -> Turn:
        """Its speech, with what became of earlier attempts."""
        turn = self.outbox.turn(
            delivery,
            delivery.chat_id,
            after_seq,
            on_conflict="drop" if delivery.utterance.on_conflict == "drop" else "rerun",
            may_speak=partial(self.loop_guard.require_speech, delivery, delivery.chat_id),
        )
        await turn.settle_unresolved()
        return turn

    async def _say(self, delivery: UtteranceDelivery, turn: Turn, view: _View) -> Result:
        """
        Prove, send, record.

        Raises:
            SupersededError: Somebody has spoken meanwhile.
        """
        utterance = delivery.utterance
        if utterance.content is None:
            return Returned()
        turn.show(view.history, is_attended=await self._is_attended(delivery, view))
        try:
            await turn.send(utterance.content, utterance.mentions)
        except SupersededError:
            raise
        except WithheldError:
            return Overtaken(reason=HELD)
        except DroppedError:
            return self._drop(delivery)
        except (TurnEndedError, ApiError) as exc:
            return ending_of(exc) or Returned()
        return Returned(sends=1)

    async def _look(self, delivery: UtteranceDelivery, begun_seq: MessageSeq | None) -> _View:
        """
        Read what some handler has not been shown; whoever was not told of it is told now.

        Args:
            delivery: What is to be said.
            begun_seq: From where it was read before in this attempt.
        """
        audience, holes = await self._audience(delivery), await self._holes(delivery)
        after_seq = await self._read_after(delivery, audience, begun_seq)
        after_seq = MessageSeq(min([after_seq, *(hole - 1 for hole in holes)]))
        history = await messages_after(self.sdk, delivery.chat_id, after_seq)
        self.outbox.evidence.done(Operation.READ, delivery.chat_id, self.outbox.clock())
        await self.twin_watch.answered_through(delivery.chat_id, history, handled_seq=after_seq)
        foreign = [message for message in history if concerns(message, self.me)]
        newest_seq = MessageSeq(max([after_seq, *(message["seq"] for message in foreign)]))
        await self.listeners.tell(delivery.chat_id, audience.untold(newest_seq), newest_seq)
        return _View(after_seq=after_seq, history=history, foreign=foreign, audience=audience, holes=holes)

    async def _holes(self, delivery: UtteranceDelivery) -> frozenset[int]:
        if delivery.handler != TOOL_REPLY:
            return frozenset()
        cursor = await self.outbox.journal.read_cursor(
            self.me, plugin_of(TOOL_REPLY), chat_id=delivery.chat_id
        )
        return frozenset(hole.seq for hole in cursor.holes) if cursor is not None else frozenset()

    async def _read_after(
        self, delivery: UtteranceDelivery, audience: Audience, begun_seq: MessageSeq | None
    ) -> MessageSeq:
        after_seq = audience.read_after
        if after_seq is None and begun_seq is None:
            newest = await self.sdk.messages.list(delivery.chat_id, limit=1)
            after_seq = newest[-1]["seq"] if newest else 0
        # What was said since then is looked for, also if it was shown.
        known_seq = delivery.utterance.known_seq if delivery.utterance.on_conflict == "drop" else None
        return MessageSeq(min(seq for seq in (after_seq, begun_seq, known_seq) if seq is not None))

    async def _audience(self, delivery: UtteranceDelivery) -> Audience:
        """Who is to hear."""
        alone = self.left_alone()
        left_alone = {handler for handler in self.listeners.ids if plugin_of(handler) in alone}
        return Audience(cursors=await self.listeners.cursors(delivery.chat_id), left_alone=left_alone)

    async def _is_attended(self, delivery: UtteranceDelivery, view: _View) -> bool:
        """
        Whether it cannot be a part of agents' talk among themselves.

        Nobody's message makes a schedule speak, and where only humans listen no agent answers.
        """
        bound = self.handlers.get(delivery.handler)
        if bound is not None and isinstance(bound.handler.subscription, ScheduleSubscription):
            return True
        speakers = {message["sender_id"] for message in view.foreign}
        room = await self.roster.room(delivery.chat_id, speakers)
        others = [type_ for member, type_ in room.types.items() if member != self.me]
        return room.is_whole and bool(others) and all(type_ == "human" for type_ in others)

    def _is_dropped(self, delivery: UtteranceDelivery, view: _View) -> bool:
        """Whether somebody has spoken since it was made, and then it is not to be said."""
        utterance = delivery.utterance
        if utterance.on_conflict == "wait" or utterance.known_seq is None:
            return False
        # A tool is no handler, whose lane would have shown it what the agent's handlers have said.
        spoken = view.history if delivery.handler == TOOL_REPLY else view.foreign
        return any(message["seq"] > utterance.known_seq or message["seq"] in view.holes for message in spoken)

    def _drop(self, delivery: UtteranceDelivery) -> Returned:
        self.observer.tell(UtteranceDropped(handler=delivery.handler, chat_id=delivery.chat_id))
        return Returned()
