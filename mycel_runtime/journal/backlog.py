"""What waits, and what becomes of it when the operator skips it, as values. Times are epoch seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.wire.ids import ChatId, MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """
    A delivery that is due or running.

    Attributes:
        event: Kind of the entry that it is about; `None`: a chat's messages.
        dead_letter_id: Of the letter that it was.
        state: `due` or `running`.
        is_behind: An earlier event of its handler in its lane comes first.
        attempts: Spent so far.
        since: When it became due; later attempts do not change it.
        due_at: Of its next attempt.
        last_error: Why the last attempt was in vain, and where.
        handled_seq, wanted_seq: How far its handler is in the chat, and how far it is to look at least.
        is_suspect: It was running when a process died.
    """

    delivery_id: DeliveryId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None
    event: str | None
    dead_letter_id: int | None
    state: str
    is_behind: bool
    attempts: int
    since: float
    due_at: float
    last_error: str | None
    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    is_suspect: bool


class WaitingChat(NamedTuple):
    """A chat's messages that are due for a handler, which does not run; numbers as in `WorkItem`."""

    delivery_id: DeliveryId
    handler: HandlerId
    chat_id: ChatId
    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpan:
    """
    What of a chat is to be skipped, as it was read.

    Attributes:
        handled_seq, wanted_seq: The handler's cursor then, and how far it was to look.
        after_seq: Where it begins; the cursor, or where a handler without one would start.
        through_seq: Where it ends.
        newest_seq: The newest message that was read; what is above the end is not skipped.
        messages: Of others within it.
    """

    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    after_seq: MessageSeq
    through_seq: MessageSeq
    newest_seq: MessageSeq
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """
    A delivery that was skipped.

    Attributes:
        delivery: As it was, for whoever keeps something about it in memory.
        dead_letter_id: `None`: nothing is kept, because the next look finds the same.
    """

    delivery: Delivery
    dead_letter_id: int | None
