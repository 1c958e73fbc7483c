"""Work that is given up, as values. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    Why a turn is given up.

    Attributes:
        reason: One line, without message text.
        trace: Where it was raised: files, lines and functions, without values.
        message_ids: Chat work: what the handler had been given.
        late: Chat work: numbers at or below the cursor that the letter covers as well.
    """

    reason: str
    trace: str = ""
    message_ids: tuple[str, ...] = ()
    late: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    Work that was given up.

    Attributes:
        message_ids, reason, trace: As in `Letter`.
        frame: Event work: the frame as received; metadata only.
        after_seq, through_seq: Chat work: the span of the chat that was not handled; without a beginning: the handler
            had no start yet; without an end: nobody knows how far it goes, and it will be looked at again.
        skip_id: Letters that were skipped together share it, the first one's number; they come back and go together.
        messages: Of others, that a skipped one covers; `None`: nobody has counted.
    """

    dead_letter_id: int
    identity: UserId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None
    after_seq: MessageSeq | None
    through_seq: MessageSeq | None
    attempts: int
    reason: str
    trace: str
    buried_at: float
    message_ids: tuple[str, ...] = ()
    frame: str | None = None
    skip_id: int | None = None
    messages: int | None = None
