"""How far the handlers of a chat are: who reads or speaks there has to tell them, and has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.clock import StoreClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.journal.changes import ReadCursor
    from mycel_runtime.journal.cursor import ChatCursor
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.work import ChatWork
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId


class ChatJournal(StoreClock, Protocol):
    """The journal, for who is in a chat."""

    async def anchor(self, identity: UserId, lane: Lane, *, handled_seq: MessageSeq) -> None:
        """Give every handler of the lane that has no start yet this one."""

    async def chat_cursors(self, identity: UserId, lane: Lane) -> Mapping[HandlerId, ChatCursor]:
        """How far each handler is in a lane's chat; without those that were never told of it."""

    async def hint(self, identity: UserId, hints: Sequence[ChatWork]) -> None:
        """
        These handlers are to look at these chats at once, as by `append`.

        Whoever knows of a chat may say so, lease or not.

        Args:
            identity: Whose.
            hints: Levels, which only rise.
        """

    async def want_others(self, delivery: Delivery, *, wanted_seq: MessageSeq | None) -> None:
        """
        The chat's other handlers look again at least so far; `None`: once more, whatever they find.

        Reading as the identity moves the server's cursor for all of them (Q26): no hint will come any more.
        """

    async def read_cursor(self, identity: UserId, plugin: str, *, chat_id: ChatId) -> ReadCursor | None:
        """How far a plugin has read a chat beside its handlers; `None`: it never has."""
