"""What a send came to. Apart from what sends, which an isolated plugin's process has no use for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import MessageId

if TYPE_CHECKING:
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.wire.ids import MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    A message that the backend has stored.

    Attributes:
        message_id: Empty when only the operator's word says so.
    """

    message_id: MessageId
    seq: MessageSeq


def sent_of(intent: Intent) -> Sent:
    """What an intent has come to that was sent."""
    return Sent(message_id=intent.message_id or MessageId(""), seq=intent.message_seq or intent.base_seq)
