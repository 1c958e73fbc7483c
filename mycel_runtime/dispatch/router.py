"""Entry to deliveries: which handlers a notification is work for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.lanes import chat_lane, event_lane
from mycel_runtime.journal.work import ChatWork, EventWork
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.wire.frames import Notify
    from mycel_runtime.wire.ids import ChatId, MessageSeq


class HandlerRouter:
    """
    Routes to the handlers whose subscriptions match.

    Args:
        subscriptions: By handler.
    """

    def __init__(self, subscriptions: Mapping[HandlerId, Subscription]) -> None:
        self._of_messages = [
            handler
            for handler, subscription in subscriptions.items()
            if isinstance(subscription, MessageSubscription)
        ]
        self._of_frames = [
            (handler, subscription)
            for handler, subscription in subscriptions.items()
            if isinstance(subscription, FrameSubscription)
        ]

    def deciders(self, kind: str) -> tuple[HandlerId, ...]:
        """Handlers that are to hear of what waits in a list of this kind, also of what waited before them."""
        return tuple(handler for handler, subscription in self._of_frames if subscription.kind == kind)

    def route_event(self, notify: Notify) -> tuple[EventWork, ...]:
        """The work of a notification itself."""
        if not self._of_frames:
            return ()
        event_type = notify.event_type
        return tuple(
            EventWork(handler=handler, lane=event_lane(notify), chat_id=notify.chat_id)
            for handler, subscription in self._of_frames
            if subscription.wants(event_type)
        )

    def route_chat(self, chat_id: ChatId, wanted_seq: MessageSeq | None) -> tuple[ChatWork, ...]:
        """
        The work of a chat that holds something unread, at least up to `wanted_seq`.

        A message's content is not known yet, so every handler of messages gets to look; its filters are applied
        when the bodies are read.
        """
        lane = chat_lane(chat_id)
        return tuple(
            ChatWork(handler=handler, lane=lane, chat_id=chat_id, wanted_seq=wanted_seq)
            for handler in self._of_messages
        )
