"""What a send came to. Apart from what sends, which an isolated plugin's process has no use for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import MessageId, MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    A message that the backend has stored.

    Attributes:
        message_id: Empty when only the operator's word says so.
    """

    message_id: MessageId
    seq: MessageSeq
