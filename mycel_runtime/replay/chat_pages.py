"""Chats as they were read, so that the turns of a chat do not each read it again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import field
from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk.history import older_cursor
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Message

_KEPT_CHATS: Final = 64
"""Bodies of no more chats are in memory at a time."""

_AHEAD: Final = PAGE_MESSAGES // 2
"""Numbers that are read beyond what is asked for: the chat's next turn is about them."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a chat: all there is from one number to another."""

    low: int = 0
    high: int = -1
    messages: dict[int, Message] = field(default_factory=dict)


class ChatPages:
    """
    Of one identity.

    Args:
        sdk: As the identity.
    """

    def __init__(self, sdk: AsyncClient) -> None:
        self._sdk = sdk
        self._chats: OrderedDict[ChatId, _Known] = OrderedDict()

    async def between(self, chat_id: ChatId, low: int, high: int) -> list[Message]:
        """
        The messages with these numbers, both included, ascending.

        Raises:
            ApiError: The chat cannot be read.

        Cancelling: loses nothing.
        """
        known = self._chats.get(chat_id, _Known())
        if not (known.low <= low and high <= known.high):
            known = await self._read(chat_id, low, high)
            self._chats[chat_id] = known
        self._chats.move_to_end(chat_id)
        if len(self._chats) > _KEPT_CHATS:
            self._chats.popitem(last=False)
        return [known.messages[seq] for seq in sorted(known.messages) if low <= seq <= high]

    async def _read(self, chat_id: ChatId, low: int, high: int) -> _Known:
        """Pages backwards, from beyond what is asked for; only an empty one is the end (contract 1.5)."""
        before = str(high + _AHEAD)
        messages: dict[int, Message] = {}
        while page := await self._sdk.messages.list(chat_id, limit=PAGE_MESSAGES, before=before):
            messages.update((message["seq"], message) for message in page)
            if page[0]["seq"] <= low:
                return _Known(low=page[0]["seq"], high=high + _AHEAD - 1, messages=messages)
            before = older_cursor(page, before)
        return _Known(low=0, high=high + _AHEAD - 1, messages=messages)
