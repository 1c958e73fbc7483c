"""The agent's handlers of messages, as they stand in a chat for somebody who is not one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.dispatch.audience import Audience
from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.subscription import MessageSubscription

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mycel_runtime.dispatch.anchor import Anchor
    from mycel_runtime.journal.cursor import ChatCursor
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.chats import ChatJournal
    from mycel_runtime.plugin.registry import BoundHandler
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """
    All of them.

    Attributes:
        journal: Where they are told.
        anchor: Where those start that are new to a chat.
        handlers: All of the agent's, by id.
        me: The identity.
    """

    journal: ChatJournal
    anchor: Anchor
    handlers: Mapping[HandlerId, BoundHandler]
    me: UserId

    @property
    def ids(self) -> Sequence[HandlerId]:
        """Which they are."""
        return [id_ for id_, bound in self.handlers.items() if _hears(bound)]

    async def cursors(self, chat_id: ChatId) -> Mapping[HandlerId, ChatCursor]:
        """
        How far each is in a chat, in which each has its start afterwards.

        Speaking moves the server's cursor, which is all that tells where a newcomer starts; and what slips in before
        a send (Q28) is work for those that the journal knows in this chat.

        Raises:
            ApiError: The chat cannot be read.
            JournalError: The journal failed.

        Cancelling: loses nothing.
        """
        ids, lane = self.ids, chat_lane(chat_id)
        cursors = await self.journal.chat_cursors(self.me, lane)
        if newcomers := Audience.of(cursors, ids, ()).newcomers(ids):
            start = await self.anchor.start(chat_id)
            await self.tell(chat_id, newcomers, start, after_seq=start)
            await self.journal.anchor(self.me, lane, handled_seq=start)
            cursors = await self.journal.chat_cursors(self.me, lane)
        return {handler: cursor for handler, cursor in cursors.items() if handler in ids}

    async def tell(
        self,
        chat_id: ChatId,
        handlers: Collection[HandlerId],
        wanted_seq: MessageSeq,
        *,
        after_seq: MessageSeq | None = None,
    ) -> None:
        """
        These are to look so far.

        Raises:
            JournalError: The journal failed.

        Cancelling: as of the journal.
        """
        hints = tuple(
            ChatWork(
                handler=handler,
                lane=chat_lane(chat_id),
                chat_id=chat_id,
                wanted_seq=wanted_seq,
                after_seq=after_seq,
            )
            for handler in handlers
        )
        if hints:
            await self.journal.hint(self.me, hints)


def _hears(bound: BoundHandler) -> bool:
    return isinstance(bound.handler.subscription, MessageSubscription)
