"""Entry to deliveries: which handlers a notification is work for. Pure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from mycel_runtime.dispatch.lanes import chat_lane, event_lane
from mycel_runtime.journal.work import ChatWork, EventWork
from mycel_runtime.plugin.subscription import FrameSubscription, MessageSubscription, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.wire.frames import Notify
    from mycel_runtime.wire.ids import ChatId, MessageSeq


EVENT_TYPES: Final = 64
"""Whose handlers are remembered; the server has a handful, and may make up more."""


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
        # Nearly all frames are of one type, and each pattern would be compared with each of them.
        self._wanting = functools.lru_cache(EVENT_TYPES)(functools.partial(_wanting, self._of_frames))

    def deciders(self, kind: str) -> tuple[HandlerId, ...]:
        """Handlers that are to hear of what waits in a list of this kind, also of what waited before them."""
        return tuple(handler for handler, subscription in self._of_frames if subscription.kind == kind)

    def wants_event(self, event_type: str) -> bool:
        """Whether a notification of this type would be work."""
        return bool(self._wanting(event_type))

    def route_event(self, notify: Notify) -> tuple[EventWork, ...]:
        """The work of a notification itself."""
        if not self._of_frames:
            return ()
        wanting = self._wanting(notify.event_type)
        if not wanting:
            return ()
        lane, chat_id = event_lane(notify), notify.chat_id
        return tuple(EventWork(handler=handler, lane=lane, chat_id=chat_id) for handler in wanting)

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


def _wanting(
    of_frames: Sequence[tuple[HandlerId, FrameSubscription]], event_type: str
) -> tuple[HandlerId, ...]:
    return tuple(handler for handler, subscription in of_frames if subscription.wants(event_type))
