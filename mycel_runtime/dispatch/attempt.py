"""
One call of one handler: what it is shown, for how long, and how it ended.

Bodies are read here and never earlier: from the history above the handler's own cursor, by a plain GET that
moves nothing on the server.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import structlog

from mycel_runtime.dispatch.run import run_handler
from mycel_runtime.dispatch.verdict import Failed, Outspoken, Result, Returned, Unanswered
from mycel_runtime.errors import ApiError
from mycel_runtime.plugin.context import FrameContext, MessageContext
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.speech.caught_up import concerns, first_handled_seq
from mycel_runtime.speech.history import messages_after
from mycel_runtime.speech.outbox import UNANSWERED, SupersededError
from mycel_runtime.wire.codec import decode_frame, decode_item
from mycel_runtime.wire.frames import Notify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime.journal.entries import Delivery, Entry, HandlerId
    from mycel_runtime.journal.port import Journal
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.plugin.roster import Room, Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import DispatchSettings
    from mycel_runtime.speech.outbox import Outbox, Turn
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId

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
        handlers: Mapping[HandlerId, BoundHandler],
        me: UserId,
        settings: DispatchSettings,
        draw: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._sdk = sdk
        self._outbox = outbox
        self._roster = roster
        self._handlers = handlers
        self._me = me
        self._settings = settings
        self._draw = draw

    async def run(self, delivery: Delivery) -> Result:
        """
        Run a claimed delivery's handler once; a superseded run goes on with more messages, a bounded number of times.

        Cancelling: what was said stays said; the delivery stays claimed and is recovered by the next process.
        """
        bound = self._handlers.get(delivery.handler)
        if bound is None:
            return Failed(reason=f"no handler {delivery.handler} any more", trace="", is_permanent=True)
        try:
            if delivery.entry is not None:
                return await self._run_on_entry(delivery, delivery.entry, bound)
            assert delivery.chat_id is not None
            return await self._run_on_chat(delivery, delivery.chat_id, bound)
        except UNANSWERED as exc:
            return Unanswered(reason=type(exc).__name__, retry_after=exc.retry_after_seconds)
        except ApiError as exc:
            return Failed(reason=f"{type(exc).__name__} {exc.status_code} while reading the chat", trace="")

    async def _run_on_entry(self, delivery: Delivery, entry: Entry, bound: BoundHandler) -> Result:
        """Event work: one frame, as it was journaled."""
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
        ended = await run_handler(bound.handler, context)
        return ended or Returned(shown=1)

    async def _run_on_chat(self, delivery: Delivery, chat_id: ChatId, bound: BoundHandler) -> Result:
        """Chat work: whatever is above the handler's cursor, once more for each time that somebody speaks first."""
        handled_seq = await self._anchored(delivery, chat_id)
        turn = self._outbox.turn(delivery, chat_id, handled_seq)
        for _ in range(self._settings.conflict_rounds):
            history = await messages_after(
                self._sdk, chat_id, handled_seq, expected=delivery.wanted_seq - handled_seq
            )
            turn.show(history)
            try:
                return await self._show(delivery, chat_id, bound, turn, history)
            except SupersededError:
                await asyncio.sleep(_ROUND_PAUSE_SECONDS * self._draw())
        return Outspoken(rounds=self._settings.conflict_rounds)

    async def _anchored(self, delivery: Delivery, chat_id: ChatId) -> MessageSeq:
        """
        The handler's cursor in this chat.

        Every handler of the lane gets its start before anybody speaks: speaking moves the server's cursor, which
        is all that tells where a newcomer starts.
        """
        if delivery.handled_seq is not None and delivery.lane_is_anchored:
            return delivery.handled_seq
        unread = await self._sdk.messages.unread(chat_id)
        newest = [] if unread else await self._sdk.messages.list(chat_id, limit=1)
        start = first_handled_seq(unread, newest)
        await self._journal.anchor(delivery.identity, delivery.lane, handled_seq=start)
        return start if delivery.handled_seq is None else delivery.handled_seq

    async def _show(
        self,
        delivery: Delivery,
        chat_id: ChatId,
        bound: BoundHandler,
        turn: Turn,
        history: Sequence[resources.Message],
    ) -> Result:
        foreign = [message for message in history if concerns(message, self._me)]
        room = await self._roster.room(chat_id, {message["sender_id"] for message in foreign})
        messages = self._wanted(foreign, bound, room)
        if messages:
            context = MessageContext(
                messages=messages,
                chat_id=chat_id,
                chat_type=room.chat_type,
                me=self._me,
                settings=bound.settings,
                log=_logger(delivery),
                deadline=self._deadline(),
                attempt=delivery.attempts + 1,
                _turn=turn,
                _sdk=self._sdk,
                _roster=self._roster,
            )
            if ended := await run_handler(bound.handler, context, through_seq=turn.through_seq):
                return ended
        return Returned(
            handled_seq=turn.through_seq,
            wanted_seq=turn.wanted_seq,
            shown=len(messages),
            sends=turn.sends,
        )

    def _wanted(self, foreign: Sequence[resources.Message], bound: BoundHandler, room: Room) -> list[Message]:
        subscription = bound.handler.subscription
        assert isinstance(subscription, MessageSubscription)
        messages = [
            message_from_api(message, me=self._me, sender_type=room.type_of(message["sender_id"]))
            for message in foreign
        ]
        return [message for message in messages if subscription.wants(message, room.chat_type)]

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._settings.handler_timeout


def _logger(delivery: Delivery) -> Any:
    return structlog.get_logger().bind(
        handler=delivery.handler, delivery=delivery.delivery_id, attempt=delivery.attempts + 1
    )
