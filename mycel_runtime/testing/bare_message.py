"""Messages without any server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, cast

from mycel_runtime.plugin.message import Message, message_from_api
from mycel_runtime.plugin.port import ToldMessage
from mycel_runtime.wire.ids import ChatId, UserId

if TYPE_CHECKING:
    import itertools
    from collections.abc import Iterable

    from mycel_runtime.wire import resources

ME: Final = UserId("agent")
CHAT: Final = ChatId("chat")


def said(
    text: str, *, sender: str = "Ada", sender_type: str = "human", notification: bool = False
) -> Message:
    """
    A message for a `BareChat`, which gives it its place.

    Args:
        text: Its content.
        sender: Display name; the user id is the same in lower case.
        sender_type: `human`, `agent` or `external`.
        notification: The platform's, in this sender's words.
    """
    api: dict[str, Any] = {
        "id": "message-1",
        "chat_id": CHAT,
        "seq": 1,
        "sender_id": sender.lower(),
        "sender_name": sender,
        "content": text,
        "message_type": "notification" if notification else "human",
        "mentioned_ids": [],
        "retracted_at": None,
        "created_at": time.time(),
    }
    return message_from_api(cast("resources.Message", api), me=ME, sender_type=sender_type)


def placed(
    messages: Iterable[str | Message], seqs: itertools.count[int], chat_id: str = CHAT
) -> list[Message]:
    """With the next places in a chat; texts are Ada's."""
    made = [said(message) if isinstance(message, str) else message for message in messages]
    return [with_seq(message, next(seqs), chat_id) for message in made]


def with_seq(message: Message, seq: int, chat_id: str = CHAT) -> Message:
    """The message in this place."""
    api = {**message.raw, "id": f"message-{seq}", "seq": seq, "chat_id": chat_id}
    return message_from_api(cast("resources.Message", api), me=ME, sender_type=message.sender.type)


def told(message: Message) -> ToldMessage:
    """As a port tells it."""
    return ToldMessage(raw=dict(message.raw), sender_type=message.sender.type)
