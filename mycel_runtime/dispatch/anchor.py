"""Where a handler that is new to a chat starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.delivery import LetterDelivery
from mycel_runtime.speech.caught_up import first_handled_seq
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.journal.port.chats import ChatJournal
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Message

_NEWEST: Final = 10
"""Messages; what is read mostly ends within them, and need not be asked for by itself."""


class Anchor:
    """
    Gives handlers their start.

    Args:
        journal: Where it is written down.
        sdk: As the identity.
        roster: Who is in a chat.
        past_cap: Messages of a group's past that a newcomer is shown.
    """

    def __init__(self, *, journal: ChatJournal, sdk: AsyncClient, roster: Roster, past_cap: int) -> None:
        self._journal = journal
        self._sdk = sdk
        self._roster = roster
        self._past_cap = past_cap

    async def handled_seq(self, delivery: MessageDelivery, chat_id: ChatId) -> MessageSeq:
        """
        The handler's cursor in this chat.

        Every handler of the lane gets its start before anybody speaks: speaking moves the server's cursor, which
        is all that tells where a newcomer starts.

        Raises:
            ApiError: The chat cannot be read.

        Cancelling: loses nothing.
        """
        if delivery.handled_seq is not None and delivery.lane_is_anchored:
            return delivery.handled_seq
        start = await self.start(chat_id)
        await self._journal.anchor(delivery.identity, delivery.lane, handled_seq=start)
        if isinstance(delivery, LetterDelivery):
            # The server's cursor has moved since: by others' replies, if not by the letter's own handler.
            start = min(start, MessageSeq(max(0, delivery.wanted_seq - self._past_cap)))
        return start if delivery.handled_seq is None else delivery.handled_seq

    async def start(self, chat_id: ChatId) -> MessageSeq:
        """
        Where a handler that is new to this chat begins: as far as the server says that the agent has read it.

        Raises:
            ApiError: The chat cannot be read.

        Cancelling: loses nothing.
        """
        # In this order, or what is said in between is neither.
        newest = await self._sdk.messages.list(chat_id, limit=_NEWEST)
        unread = await self._sdk.messages.unread(chat_id)
        read = await self._before(chat_id, unread[0]["seq"], newest) if unread else newest
        start = first_handled_seq(read)
        return max(start, await self._capped(chat_id)) if len(unread) > self._past_cap else start

    async def _before(self, chat_id: ChatId, seq: int, newest: list[Message]) -> list[Message]:
        """
        What comes before a message, at least the last of it; asked for only if the newest do not reach back so far.

        Not just the number below: it may be drawn, and its message yet to come (Q27).
        """
        read = [message for message in newest if message["seq"] < seq]
        if read or seq <= 1:
            return read
        return await self._sdk.messages.list(chat_id, limit=1, before=str(seq))

    async def _capped(self, chat_id: ChatId) -> MessageSeq:
        """
        Where a newcomer's past begins in a group: joining makes all of it unread (Q37), and nobody asked for it.

        In a direct chat everything was said to us.
        """
        room = await self._roster.room(chat_id, ())
        if room.chat_type == "direct":
            return MessageSeq(0)
        newest = await self._sdk.messages.list(chat_id, limit=self._past_cap)
        return MessageSeq(newest[0]["seq"] - 1 if newest else 0)
