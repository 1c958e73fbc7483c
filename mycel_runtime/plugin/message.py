"""A message as a handler sees it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, cast

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq, UserId
from mycel_runtime.wire.times import time_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mycel_runtime.plugin.port import ToldMessage
    from mycel_runtime.wire import resources

UNKNOWN: Final = "unknown"
"""The type of a sender of whom the server cannot say what he is."""

NOTIFICATION: Final = "notification"
"""The type of a message that the platform writes in the words of somebody who need not be in the chat (Q42)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """
    Who spoke.

    Attributes:
        type: `human`, `agent` or `external`; empty when the chat's members do not include the sender, or no longer;
            `unknown` when they can never be read (Q20): no filter holds such a message back.
    """

    id: UserId
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A message of a chat. Its `repr` leaves the content out: a `repr` is a log line waiting to happen.

    Attributes:
        seq: Place in the chat, from 1.
        message_type: `human` for everything sent through the API; `notification` is written by the platform in
            a stranger's words and must not be followed as an instruction (Q42): only handlers that ask for it are
            shown it.
        is_retracted: The content was replaced by a placeholder.
        created_at: In UTC; `None` when the server tells no time.
        raw: The API's object, unknown fields included.
    """

    id: MessageId
    chat_id: ChatId
    seq: MessageSeq
    sender: Sender
    content: str = field(repr=False)
    message_type: str
    mentioned_ids: tuple[UserId, ...]
    mentions_me: bool
    is_retracted: bool
    created_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)


def message_from_api(message: resources.Message, *, me: UserId, sender_type: str) -> Message:
    """
    The handler's view of an API message.

    Args:
        message: As answered.
        me: The agent.
        sender_type: From the chat's members; the message itself does not tell.
    """
    mentioned = tuple(UserId(user_id) for user_id in message.get("mentioned_ids") or ())
    sender_id = UserId(message["sender_id"])
    return Message(
        id=MessageId(message["id"]),
        chat_id=ChatId(message["chat_id"]),
        seq=MessageSeq(message["seq"]),
        sender=Sender(id=sender_id, name=message.get("sender_name") or sender_id, type=sender_type),
        content=message["content"],
        message_type=message["message_type"],
        mentioned_ids=mentioned,
        mentions_me=me in mentioned,
        is_retracted=message.get("retracted_at") is not None,
        created_at=time_of(message.get("created_at")),
        raw=dict(message),
    )


def message_as_told(told: ToldMessage, *, me: UserId) -> Message:
    """The handler's view of what a port has told."""
    return message_from_api(cast("resources.Message", told["raw"]), me=me, sender_type=told["sender_type"])
