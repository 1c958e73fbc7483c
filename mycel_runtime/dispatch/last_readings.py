"""
What was last read of a chat, if it held nothing for the handler that read it: the chat's next handler looks there.

A message is due to every handler that might want it, one after the other, and what it says, which their filters ask
for, is only in the history. Without this an agent with nine plugins would read each message nine times.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.delivery import ChatDelivery
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.dispatch.briefing import Reading
    from mycel_runtime.journal.delivery import MessageDelivery
    from mycel_runtime.wire.ids import ChatId, MessageSeq

KEPT_SECONDS: Final = 1.0
"""Bodies stay in memory no longer. The handlers of a chat follow each other within milliseconds."""


@dataclass(frozen=True, slots=True)
class _Kept:
    reading: Reading
    after_seq: MessageSeq

    def covers(self, delivery: MessageDelivery, after_seq: MessageSeq) -> bool:
        """
        Whether it holds whatever the delivery is about. Letters and holes are about numbers of their own.

        Whoever read it has told the chat's other handlers of its newest number, so that a hint that came afterwards,
        be it one without a number, wants more than that. A handler without a start in the chat was told nothing.
        """
        return (
            isinstance(delivery, ChatDelivery)
            and delivery.handled_seq is not None
            and not delivery.holes
            and self.after_seq <= after_seq
            and self.reading.newest_seq >= delivery.wanted_seq
        )


class LastReadings:
    """Of one identity's chats; whoever is next takes it out, and keeps it again if it holds nothing for it."""

    def __init__(self) -> None:
        self._kept: dict[ChatId, _Kept] = {}

    def keep(self, reading: Reading, after_seq: MessageSeq) -> None:
        """
        Keep what held nothing for its handler.

        Args:
            reading: What was read.
            after_seq: All messages above this number were asked for.
        """
        chat_id, kept = reading.delivery.chat_id, _Kept(reading, after_seq)
        self._kept[chat_id] = kept
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, chat_id, kept)

    def take(self, delivery: MessageDelivery, after_seq: MessageSeq) -> Reading | None:
        """What was last read of the delivery's chat, if it holds all that the delivery is about."""
        kept = self._kept.pop(delivery.chat_id, None)
        return kept.reading if kept is not None and kept.covers(delivery, after_seq) else None

    def _forget(self, chat_id: ChatId, kept: _Kept) -> None:
        if self._kept.get(chat_id) is kept:
            del self._kept[chat_id]
