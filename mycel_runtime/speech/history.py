"""A chat's past, read without moving any cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import InvalidResponseError
from mycel_runtime.sdk.history import older_cursor
from mycel_runtime.wire.limits import LARGEST_SEQ, PAGE_MESSAGES

if TYPE_CHECKING:
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Message

_FIRST_PAGE: Final = 4
"""
Messages at least: more may have come than were expected, and another page would be another call. But each message is
written, sent and read, mostly for nothing: ten of them take twice as long as what else there is to a call.
"""

_OK: Final = 200


async def messages_between(
    sdk: AsyncClient, chat_id: ChatId, after_seq: int, through_seq: int
) -> list[Message]:
    """
    The messages above `after_seq` up to `through_seq`, ascending; as `messages_after`.

    Raises:
        ApiError: As of `messages_after`.

    Cancelling: loses nothing.
    """
    below = await messages_after(
        sdk, chat_id, after_seq, expected=through_seq - after_seq, before_seq=through_seq + 1
    )
    return [message for message in below if message["seq"] <= through_seq]


async def messages_after(
    sdk: AsyncClient, chat_id: ChatId, after_seq: int, *, expected: int = 0, before_seq: int | None = None
) -> list[Message]:
    """
    All messages above `after_seq`, ascending, own ones included.

    Reads pages backwards and stops at the first that reaches `after_seq` or is empty; a short page proves
    nothing (contract 1.5).

    Args:
        sdk: As the identity.
        chat_id: The chat.
        after_seq: Exclusive.
        expected: How many are likely, to size the first page; 0: unknown.
        before_seq: Only those below this number.

    Raises:
        ApiError: The history cannot be read, its pages do not lead on to older ones, or a message's number is larger
            than any (the journal could not hold it).

    Cancelling: loses nothing.
    """
    pages: list[list[Message]] = []
    before = None if before_seq is None else str(before_seq)
    limit = min(max(expected + 2, _FIRST_PAGE), PAGE_MESSAGES)
    while page := await sdk.messages.list(chat_id, limit=limit, before=before):
        if any(message["seq"] > LARGEST_SEQ for message in page):
            raise InvalidResponseError(_OK, f"a message's seq is above {LARGEST_SEQ}")
        pages.append([message for message in page if message["seq"] > after_seq])
        if page[0]["seq"] <= after_seq + 1:
            break
        before, limit = older_cursor(page, before), PAGE_MESSAGES
    return [message for page in reversed(pages) for message in page]
