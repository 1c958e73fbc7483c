"""What a row of the chat list says of what is unread. Pure; reads only what can be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mycel_runtime.inbox.list_diff import is_name
from mycel_runtime.wire.ids import ChatId, MessageSeq
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire.resources import ChatSummary

Unread: TypeAlias = tuple[ChatId, MessageSeq | None]
"""A chat, and its newest message; `None`: nobody knows how far to look."""


def unread_chats(chats: Sequence[ChatSummary]) -> list[Unread]:
    """
    Chats that hold something unread, with the seq of their newest message.

    Generation A gives no seq: then nobody knows how far to look, and the chat is looked at once more.
    """
    return [(chat_id_of(chat), newest_seq(chat)) for chat in chats if chat["unread_count"] > 0]


def chat_id_of(chat: ChatSummary) -> ChatId:
    """
    The row's chat.

    Raises:
        ValueError: It has none.
    """
    if not is_name(chat["id"]):
        raise ValueError("a chat without its id")
    return ChatId(chat["id"])


def newest_seq(chat: ChatSummary) -> MessageSeq | None:
    """`None` also where the answer is not what the contract says: one odd row of a read chat blinds no look."""
    last: object = chat.get("last_message")
    return message_seq(last.get("seq")) if isinstance(last, dict) else None


def message_seq(value: object) -> MessageSeq | None:
    """A number that can be one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return MessageSeq(value) if 0 <= value <= LARGEST_SEQ else None
