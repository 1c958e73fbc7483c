"""A decision to send, as it stands. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.ids import DeliveryId, HandlerId
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import ChatId, MessageId, MessageSeq, UserId


class IntentState(StrEnum):
    """What is known about a send."""

    INTENDED = "intended"
    """You are here from before the request until its outcome is known: 'perhaps sent'."""
    SENT = "sent"
    """You are here when the backend has stored the message; its id and seq are known."""
    REFUSED = "refused"
    """You are here when the backend certainly did not store it."""
    UNKNOWN = "unknown"
    """You are here when nobody can tell; nothing is sent again until somebody can."""


class IntentEvent(StrEnum):
    """What can happen to an intent."""

    INTEND = "intend"
    RECORD = "record"
    REFUSE = "refuse"
    PARK = "park"


INTENT_TRANSITIONS: Final[dict[tuple[IntentState, IntentEvent], frozenset[IntentState]]] = {
    (IntentState.INTENDED, IntentEvent.INTEND): frozenset({IntentState.INTENDED}),
    (IntentState.INTENDED, IntentEvent.RECORD): frozenset({IntentState.SENT}),
    (IntentState.INTENDED, IntentEvent.REFUSE): frozenset({IntentState.REFUSED}),
    (IntentState.INTENDED, IntentEvent.PARK): frozenset({IntentState.UNKNOWN}),
    (IntentState.REFUSED, IntentEvent.INTEND): frozenset({IntentState.INTENDED}),
    (IntentState.UNKNOWN, IntentEvent.RECORD): frozenset({IntentState.SENT}),
    (IntentState.UNKNOWN, IntentEvent.REFUSE): frozenset({IntentState.REFUSED}),
}
"""Where an event may lead. What is sent stays sent: no event leads out of it, and the engine changes nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    A handler's n-th send of a turn.

    Attributes:
        handler: Whose words they are.
        is_unattended: Said in a turn that was shown no human's message; cleared when a human speaks.
        turn: Of the delivery; goes up whenever the delivery finishes or is buried.
        ordinal: From 0 within the turn.
        base_seq: Newest seq of the chat that was known when the intent was written; our message is above it.
        content_hash: SHA-256 over content, scope, addressees and mentions.
        intended_at: When the request was last about to go out.
        is_in_doubt: Whoever wrote it has lost the delivery and may yet send it: nobody knows that he is dead. As
            it was when the delivery was claimed.
    """

    delivery_id: DeliveryId
    turn: int
    ordinal: int
    identity: UserId
    chat_id: ChatId
    base_seq: MessageSeq
    content_hash: str
    state: IntentState
    message_id: MessageId | None = None
    message_seq: MessageSeq | None = None
    intended_at: float
    handler: HandlerId = HandlerId("")
    is_unattended: bool = False
    is_in_doubt: bool = False

    @property
    def name(self) -> str:
        """What the operator calls it: delivery, turn and place in it."""
        return f"{self.delivery_id}.{self.turn}.{self.ordinal}"
