"""What a handler says first, and what became of it, as values. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId

UTTERANCE_KIND: Final = "utterance.made"
"""Kind of the entry that an utterance is."""

UtterancePolicy = Literal["wait", "drop"]
"""What becomes of it when somebody speaks before it does: it waits until that was shown, or is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """
    What a handler says first, as it is made.

    It is journalled like a message that has arrived: an entry with event work in the chat's lane, and its words until
    they are said.

    Attributes:
        handler: Whose words they are.
        delivery_id, turn, ordinal: In whose turn it was made, as the n-th in this chat: that is its identity.
        content: Not in the `repr`; `None` once it was said.
        known_seq: The newest number of the chat that was known when it was made, to whoever speaks or else to the
            journal; `None`: there was none.
        made_at: Epoch seconds.
    """

    identity: UserId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId
    delivery_id: DeliveryId
    turn: int
    ordinal: int
    content: str | None = field(repr=False)
    mentions: tuple[str, ...] = ()
    on_conflict: UtterancePolicy = "wait"
    known_seq: MessageSeq | None = None
    made_at: float


class SpokenState(StrEnum):
    """What became of an utterance."""

    WAITING = "waiting"
    """It is to be said."""
    SAID = "said"
    """It stands in the chat."""
    UNSAID = "unsaid"
    """It was not said, and will not be: somebody has spoken first, or its dead letter was dropped."""
    BURIED = "buried"
    """It is a dead letter."""


class Spoken(NamedTuple):
    """
    What became of an utterance.

    Attributes:
        seq: Of its message, if it was said; of what it followed, if the operator has said so.
        message_id: As far as it is known.
        reason: Of its dead letter.
    """

    state: SpokenState
    seq: MessageSeq | None = None
    message_id: str | None = None
    reason: str = ""
