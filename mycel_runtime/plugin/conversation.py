"""A chat as a handler beside the runtime reaches it, and on behalf of one in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.port import StoredReply, ToldMessage
from mycel_runtime.wire.arguments import require_page, require_place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mycel_runtime.journal.shown_run import ShownRun
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.port import ToolEntry
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire.ids import ChatId
    from mycel_runtime.wire.resources import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    The `ChatPort` of one delivery.

    Attributes:
        turn: Says its replies.
        show_newer: Reads what is new to the handler, which counts as shown from then on.
        open_tools: Has tools speak as this run.
        sdk: As the identity.
        roster: Who is in a chat.
        shown: Takes down what is told, where that is kept.
    """

    chat_id: ChatId
    turn: Turn
    show_newer: Callable[[], Awaitable[list[Message]]]
    open_tools: Callable[[], ToolEntry]
    sdk: AsyncClient
    roster: Roster
    shown: ShownRun | None = None

    async def reply(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """As `Turn.send`."""
        sent = await self.turn.send(text, mentions)
        return StoredReply(message_id=sent.message_id, seq=sent.seq)

    async def history(self, limit: int, before: int | None) -> list[ToldMessage]:
        """
        The newest messages below a number, own ones included.

        Raises:
            ArgumentError: `limit` or `before` is out of range.
            ApiError: The backend cannot tell.
        """
        require_page(limit, "the limit")
        if before is not None:
            require_place(before, "before")
        below = None if before is None else str(before)
        page = await self.sdk.messages.list(self.chat_id, limit=limit, before=below)
        room = await self.roster.room(self.chat_id, {message["sender_id"] for message in page})
        told_page = [
            ToldMessage(raw=dict(message), sender_type=room.type_of(message["sender_id"])) for message in page
        ]
        if self.shown is not None:
            self.shown.note_page(limit, before, told_page)
        return told_page

    async def newer(self) -> list[ToldMessage]:
        """What is new to the handler."""
        return [told(message) for message in await self.show_newer()]

    async def members(self) -> list[Member]:
        """
        As the API answers it now.

        Raises:
            ApiError: The backend cannot tell.
        """
        members = (await self.sdk.chats.get(self.chat_id))["members"]
        if self.shown is not None:
            self.shown.note_members(members)
        return members

    async def tools(self) -> ToolEntry:
        """How an agent's tools speak as this run."""
        return self.open_tools()

    def withdraw(self) -> None:
        """Nothing that was said too late is said any more."""
        self.turn.withdraw()


def told(message: Message) -> ToldMessage:
    """A message as a port tells it."""
    return ToldMessage(raw=dict(message.raw), sender_type=message.sender.type)
