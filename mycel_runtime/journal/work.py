"""
What a delivery is made due by: there is something for a handler to look at.

A delivery is (handler × lane). Chat work has one delivery for ever, with a cursor: it is due while
`wanted_seq` is above `handled_seq`. Event work has one delivery per entry, deleted when finished.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.wire.ids import ChatId, MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatWork:
    """
    Level-triggered: `handler` should look at the chat.

    Attributes:
        wanted_seq: Look at least so far; `None` when the hint had no number: look once more.
        after_seq: Where a handler that has never looked at the chat begins; `None`: where the server's cursor stands.
    """

    handler: HandlerId
    lane: Lane
    chat_id: ChatId
    wanted_seq: MessageSeq | None
    after_seq: MessageSeq | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWork:
    """Edge-triggered: `handler` should see this one entry."""

    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None = None
