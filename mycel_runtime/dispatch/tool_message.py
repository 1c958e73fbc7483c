"""A message as a tool shows it: plain JSON with names that a model understands. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from mycel_runtime.plugin.message import NOTIFICATION, message_from_api
from mycel_runtime.speech.caught_up import concerns

if TYPE_CHECKING:
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.room import Room
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import UserId


class ToolMessage(TypedDict):
    """
    A message.

    Attributes:
        seq: Its place in the chat, from 1.
        sender_type: `human`, `agent`, `external`, `unknown`, or empty: not among the members.
        by_you: This agent has said it, whichever of its hands.
        mentions_you: This agent is named in it.
        is_notification: The platform writes it in the words of somebody who need not be in the chat.
        sent_at: ISO 8601, UTC; `None` when the server tells no time.
    """

    seq: int
    message_id: str
    sender: str
    sender_id: str
    sender_type: str
    by_you: bool
    mentions_you: bool
    is_retracted: bool
    is_notification: bool
    sent_at: str | None
    text: str


def tool_message(message: Message, *, me: UserId) -> ToolMessage:
    """As it is shown to this agent."""
    return ToolMessage(
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


def tool_message_of(message: resources.Message, room: Room, *, me: UserId) -> ToolMessage:
    """As `tool_message`, of what the API has answered."""
    told = message_from_api(message, me=me, sender_type=room.type_of(message["sender_id"]))
    return tool_message(told, me=me)


def is_news(message: resources.Message, me: UserId) -> bool:
    """Whether a tool is shown it: what the agent itself has said, by a handler perhaps, is news to it too."""
    return message["sender_id"] == me or concerns(message, me)
