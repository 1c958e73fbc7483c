"""A message as a tool shows it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.tool_results import ShownMessage
from mycel_runtime.plugin.message import NOTIFICATION, message_from_api
from mycel_runtime.speech.caught_up import concerns

if TYPE_CHECKING:
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import UserId


def tool_message(message: Message, *, me: UserId) -> ShownMessage:
    """As it is shown to this agent."""
    return ShownMessage(
        seq=message.seq,
        message_id=message.id,
        sender=message.sender.name,
        sender_id=message.sender.id,
        sender_type=message.sender.type,
        by_you=message.sender.id == me,
        mentions_you=message.mentions_me,
        is_retracted=message.is_retracted,
        is_notification=message.message_type == NOTIFICATION,
        sent_at=None if message.created_at is None else message.created_at.isoformat(),
        text=message.content,
    )


def tool_message_of(message: resources.Message, room: Room, *, me: UserId) -> ShownMessage:
    """As `tool_message`, of what the API has answered."""
    told = message_from_api(message, me=me, sender_type=room.type_of(message["sender_id"]))
    return tool_message(told, me=me)


def is_news(message: resources.Message, me: UserId) -> bool:
    """Whether a tool is shown it: what the agent itself has said, by a handler perhaps, is news to it too."""
    return message["sender_id"] == me or concerns(message, me)
