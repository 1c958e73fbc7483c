"""
One call of one handler: what it is shown, for how long, and how it ended.

Bodies are read here and never earlier: from the history above the handler's own cursor, by a plain GET that
moves nothing on the server.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
from typing import TYPE_CHECKING, Any, Final

import structlog

from mycel_runtime.dispatch.error_boundary import contained
from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.dispatch.verdict import Failed, Outspoken, Overtaken, Result, Returned, Unanswered
from mycel_runtime.dispatch.workers import Workers
from mycel_runtime.journal.entries import CursorMove, EventDelivery, Letter, LetterDelivery
from mycel_runtime.plugin.context import FrameContext, MessageContext
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.speech.caught_up import concerns, first_handled_seq, still_open
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.interrupts import SupersededError
from mycel_runtime.wire.codec import decode_frame, decode_item
from mycel_runtime.wire.frames import Notify
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime.dispatch.loop_guard import LoopGuard
    from mycel_runtime.dispatch.run import Call
    from mycel_runtime.journal.entries import Delivery, HandlerId, MessageDelivery
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.roster import Room, Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.speech.outbox import Outbox
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import ChatId, UserId

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
        handlers: By id.
        me: The identity.
        settings: `[dispatch]`.
        draw: Random numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        journal: Journal,
        sdk: AsyncClient,
        outbox: Outbox,
        roster: Roster,
        loop_guard: LoopGuard,
        handlers: Mapping[HandlerId, BoundHandler],
        me: UserId,
        settings: DispatchSettings,
        draw: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._sdk = sdk
        self._outbox = outbox
        self._roster = roster
        self._loop_guard = loop_guard
        self._handlers = handlers
        self._me = me
        self._settings = settings
        self._draw = draw
        self._workers = Workers()

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
        bound = self._handlers.get(delivery.handler)
        if bound is None:
            return Failed(letter=Letter(reason=f"no handler {delivery.handler} any more"), is_permanent=True)
        if isinstance(delivery, EventDelivery):
            return await contained(self._run_on_entry(delivery, bound))
        result = await contained(self._run_on_chat(delivery, delivery.chat_id, bound))
        if not isinstance(result, Returned):
            await self._outbox.park_unresolved(delivery)
        return result

    async def _run_on_entry(self, delivery: EventDelivery, bound: BoundHandler) -> Result:
        """Event work: one frame, as it was journaled."""
        entry = delivery.entry
        frame = decode_frame(entry.raw)
        if not isinstance(frame, Notify):
            frame = decode_item(json.loads(entry.raw))
        assert isinstance(frame, Notify)
        context = FrameContext(
            event_type=frame.event_type,
            metadata=frame.metadata,
            me=self._me,
            settings=bound.settings,
            log=_logger(delivery),
            deadline=self._deadline(),
            attempt=delivery.attempts + 1,
        )
        ended = await run_handler(bound.handler, context, call=self._caller(bound))
        return ended or Returned(shown=1)

    async def _run_on_chat(self, delivery: MessageDelivery, chat_id: ChatId, bound: BoundHandler) -> Result:
        """Chat work: whatever is above the handler's cursor, once more for each time that somebody speaks first."""
        handled_seq = await self._anchored(delivery, chat_id)
        turn = self._outbox.turn(
            delivery,
            chat_id,
            handled_seq,
            on_conflict=bound.handler.on_conflict,
            may_speak=lambda: self._loop_guard.require_speech(delivery, chat_id),
        )
        await turn.settle_unresolved()
        for rounds in range(self._settings.conflict_rounds):
            try:
                return await self._ask(delivery, chat_id, bound, turn, is_again=rounds > 0)
            except SupersededError:
                await asyncio.sleep(_ROUND_PAUSE_SECONDS * self._draw())
        return Outspoken(rounds=self._settings.conflict_rounds)

    async def _ask(
        self, delivery: MessageDelivery, chat_id: ChatId, bound: BoundHandler, turn: Turn, *, is_again: bool
    ) -> Result:
        """
        One round: read what is unseen, run the handler on it.

        Numbers that an earlier turn missed are read again too (Q27).
        """
        read_at = self._outbox.clock()
        after_seq = min([turn.handled_seq, *(hole.seq - 1 for hole in delivery.holes)])
        page = await messages_after(self._sdk, chat_id, after_seq, expected=delivery.wanted_seq - after_seq)
        numbers = {hole.seq for hole in delivery.holes}
        history = [
            message for message in page if message["seq"] > turn.handled_seq or message["seq"] in numbers
        ]
        is_in_vain = is_again and turn.seen_seqs.issuperset(message["seq"] for message in history)
        result = await contained(self._show(delivery, chat_id, bound, turn, history, is_in_vain=is_in_vain))
        holes = still_open(
            delivery.holes,
            turn.missing_seqs(),
            seen=turn.seen_seqs,
            read_at=read_at,
            grace=self._settings.hole_grace,
        )
        match result:
            case Returned():
                return dataclasses.replace(result, move=dataclasses.replace(result.move, holes=holes))
            case Failed():
                late = tuple(hole for hole in delivery.holes if hole.seq in turn.seen_seqs)
                read_seq = history[-1]["seq"] if history and result.is_nonsense else 0
                through_seq = MessageSeq(max(result.move.handled_seq or turn.through_seq, read_seq))
                if not late and through_seq == turn.handled_seq:
                    return result
                return dataclasses.replace(
                    result,
                    letter=dataclasses.replace(result.letter, late=late),
                    move=CursorMove(handled_seq=through_seq, wanted_seq=turn.wanted_seq, holes=holes),
                )
            case _:
                return result

    async def _tell_others(self, delivery: MessageDelivery, history: Sequence[resources.Message]) -> None:
        """
        What no hint has told of, this handler's reply marks as read, and then no hint ever will (Q26, Q32).

        So the chat's other handlers are told first.
        """
        newest = max((message["seq"] for message in history if concerns(message, self._me)), default=0)
        if delivery.others_seq is not None and newest > delivery.others_seq:
            await self._journal.want_others(delivery, wanted_seq=MessageSeq(newest), now=self._outbox.clock())

    def _is_overtaken(self, delivery: MessageDelivery, history: Sequence[resources.Message]) -> bool:
        """
        Whether a dead letter's chat holds what its handler has been given neither with the letter nor since.

        A reply would mark it as read, and nobody had seen it.
        """
        if not isinstance(delivery, LetterDelivery):
            return False
        given_seq = max(delivery.wanted_seq, delivery.living_seq or 0)
        return any(message["seq"] > given_seq and concerns(message, self._me) for message in history)

    async def _anchored(self, delivery: MessageDelivery, chat_id: ChatId) -> MessageSeq:
        """
        The handler's cursor in this chat.

        Every handler of the lane gets its start before anybody speaks: speaking moves the server's cursor, which
        is all that tells where a newcomer starts.
        """
        if delivery.handled_seq is not None and delivery.lane_is_anchored:
            return delivery.handled_seq
        # In this order, or what is said in between is neither.
        newest = await self._sdk.messages.list(chat_id, limit=1)
        unread = await self._sdk.messages.unread(chat_id)
        if unread:
            # Not just below the first: the number there may be drawn, and its message yet to come (Q27).
            newest = await self._sdk.messages.list(chat_id, limit=1, before=str(unread[0]["seq"]))
        start = first_handled_seq(newest)
        if len(unread) > self._settings.past_cap:
            start = max(start, await self._capped(chat_id))
        await self._journal.anchor(delivery.identity, delivery.lane, handled_seq=start)
        if isinstance(delivery, LetterDelivery):
            # The server's cursor has moved since: by others' replies, if not by the letter's own handler.
            start = min(start, MessageSeq(max(0, delivery.wanted_seq - self._settings.past_cap)))
        return start if delivery.handled_seq is None else delivery.handled_seq

    async def _capped(self, chat_id: ChatId) -> MessageSeq:
        """
        Where a newcomer's past begins in a group: joining makes all of it unread (Q37), and nobody asked for it.

        In a direct chat everything was said to us.
        """
        room = await self._roster.room(chat_id, ())
        if room.chat_type == "direct":
            return MessageSeq(0)
        newest = await self._sdk.messages.list(chat_id, limit=self._settings.past_cap)
        return MessageSeq(newest[0]["seq"] - 1 if newest else 0)

    async def _show(
        self,
        delivery: MessageDelivery,
        chat_id: ChatId,
        bound: BoundHandler,
        turn: Turn,
        history: Sequence[resources.Message],
        *,
        is_in_vain: bool,
    ) -> Result:
        """
        Run the handler on what it has not been shown.

        Asked again with nothing new it would say the same and be refused again, perhaps for ever: that spends an
        attempt.
        """
        await self._tell_others(delivery, history)
        if self._is_overtaken(delivery, history):
            return Overtaken()
        foreign = [message for message in history if concerns(message, self._me)]
        room = await self._roster.room(chat_id, {message["sender_id"] for message in foreign})
        is_attended = any(room.type_of(message["sender_id"]) == "human" for message in foreign)
        if is_attended:
            await self._loop_guard.attend(chat_id)
        is_sender_unknown = room.is_unsure_of(message["sender_id"] for message in foreign)
        self._loop_guard.note_sender(chat_id, is_sender_unknown=is_sender_unknown)
        turn.show(history, is_attended=is_attended)
        shown = CursorMove(handled_seq=turn.through_seq)
        messages = self._wanted(_due(delivery, foreign), bound, room)
        ended: Failed | Unanswered | None = None
        if is_in_vain and (messages or turn.is_superseded):
            ended = Failed(letter=Letter(reason="refused for what nobody can see"), is_answer=True)
        elif messages:
            context = MessageContext(
                messages=messages,
                chat_id=chat_id,
                chat_type=room.chat_type,
                me=self._me,
                settings=bound.settings,
                log=_logger(delivery),
                deadline=self._deadline(),
                attempt=delivery.attempts + 1,
                guard=await self._loop_guard.view(delivery, chat_id, is_attended=is_attended),
                _turn=turn,
                _sdk=self._sdk,
                _roster=self._roster,
            )
            ended = await self._call(bound, context, turn)
        if turn.is_superseded and not is_in_vain:
            # The handler has swallowed that its reply came too late.
            raise SupersededError([])
        if isinstance(ended, Failed):
            message_ids = tuple(message.id for message in messages)
            letter = dataclasses.replace(ended.letter, message_ids=message_ids)
            return dataclasses.replace(ended, letter=letter, move=shown)
        return ended or Returned(
            move=CursorMove(handled_seq=turn.through_seq, wanted_seq=turn.wanted_seq),
            shown=len(messages),
            sends=turn.sends,
        )

    async def _call(
        self, bound: BoundHandler, context: MessageContext, turn: Turn
    ) -> Failed | Unanswered | None:
        """Run the handler; a reply that it left under way ends before anybody goes on."""
        try:
            ended = await run_handler(bound.handler, context, call=self._caller(bound))
        except SupersededError:
            await turn.fall_silent()
            raise
        await turn.fall_silent()
        if ended is None:
            await turn.conclude()
        return ended

    def _wanted(self, foreign: Sequence[resources.Message], bound: BoundHandler, room: Room) -> list[Message]:
        subscription = bound.handler.subscription
        assert isinstance(subscription, MessageSubscription)
        messages = [
            message_from_api(message, me=self._me, sender_type=room.type_of(message["sender_id"]))
            for message in foreign
        ]
        return [message for message in messages if subscription.wants(message, room.chat_type)]

    def _caller(self, bound: BoundHandler) -> Call | None:
        return None if bound.worker is None else functools.partial(self._workers.run, bound.worker)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._settings.handler_timeout


def _due(delivery: MessageDelivery, foreign: Sequence[resources.Message]) -> Sequence[resources.Message]:
    """What this delivery is about: a dead letter's messages end where it was buried, the others go on."""
    if not isinstance(delivery, LetterDelivery):
        return foreign
    return [message for message in foreign if message["seq"] <= delivery.wanted_seq]


def _logger(delivery: Delivery) -> Any:
    return structlog.get_logger().bind(
        handler=delivery.handler, delivery=delivery.delivery_id, attempt=delivery.attempts + 1
    )
