"""What the client of this process has been shown of each chat, and what of it has not been counted yet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.dispatch.tool_results import ShownMessage

_REMEMBERED: Final = 20_000
"""Messages by id, of all chats: enough not to show one twice that a reply has been told of before it was read."""


class View:
    """
    Of one client.

    Attributes:
        known: The number up to which the client knows a chat, own messages included; a chat that it has not read is
            not in it.
        speaking: Held while something is said in a chat: what is said next may follow what was said before.
    """

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.speaking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._shown: dict[str, None] = {}
        self._own: set[str] = set()
        self._uncounted: dict[str, dict[str, Any]] = {}

    def fresh(self, messages: Iterable[ShownMessage]) -> list[ShownMessage]:
        """Those that were not shown yet; from now on they were."""
        fresh = [message for message in messages if message["message_id"] not in self._shown]
        self._shown.update(dict.fromkeys(message["message_id"] for message in fresh))
        while len(self._shown) > _REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return fresh

    def note_own(self, message_id: str | None) -> None:
        """The client has said this itself."""
        if message_id is not None:
            self._shown[message_id] = None
            self._own.add(message_id)

    def has_said(self, message_ids: Iterable[str]) -> bool:
        """Whether the client has said all of these itself."""
        return self._own.issuperset(message_ids)

    def know(self, chat_id: str, through_seq: int) -> None:
        """All up to there is known."""
        self.known[chat_id] = max(through_seq, self.known.get(chat_id, 0))

    def leave_uncounted(self, move: dict[str, Any] | None) -> None:
        """A page is on its way to the client: it counts when he calls again."""
        if move is not None:
            self._uncounted[move["chat_id"]] = move

    def take_uncounted(self) -> list[dict[str, Any]]:
        """What is to be counted now."""
        moves = list(self._uncounted.values())
        self._uncounted.clear()
        return moves
