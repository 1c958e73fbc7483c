"""The frames of the runtime inbox stream, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageSeq


class Notify(NamedTuple):
    """
    Something happened; what it says is metadata only (contract 5.4, 5.5).

    A tuple, because it is made for every frame, and a frozen dataclass costs three times as much.

    Attributes:
        seq: The server's number for this frame.
        fingerprint: SHA-256 of the metadata; tells a replay from a re-used number, nothing more (Q47).
        ts: Server time of the drain in epoch seconds; `None` for an item of an HTTP drain.
        metadata: As received, unknown keys included.
    """

    seq: InboxSeq
    fingerprint: str
    ts: float | None
    metadata: Mapping[str, Any]

    @property
    def event_type(self) -> str:
        """For example `chat.message`; empty when the server did not say."""
        event_type = self.metadata.get("event_type")
        return event_type if isinstance(event_type, str) else ""

    @property
    def chat_id(self) -> ChatId | None:
        """The chat concerned, if one is."""
        chat_id: ChatId | None = self.metadata.get("chat_id")
        return chat_id if isinstance(chat_id, str) and chat_id else None

    @property
    def message_seq(self) -> MessageSeq | None:
        """
        At least this far the chat should be looked at.

        Source: Q34: the newest visible message at drain time, an upper bound of what is new.
        """
        seq: MessageSeq | None = self.metadata.get("message_seq")
        if not isinstance(seq, int) or isinstance(seq, bool):
            return None
        return seq if 0 <= seq <= LARGEST_SEQ else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """The ring starts at `oldest_seq`; what is in it must be asked for, what lies before is gone (Q4)."""

    since_seq: InboxSeq
    oldest_seq: InboxSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFrame:
    """A JSON object of a type that we do not know."""

    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedFrame:
    """Not JSON, not an object, or a known type with fields that break the contract."""

    reason: str


CHAT_MESSAGE: Final = "chat.message"
"""The event type that says 'look at this chat'. Source: contract 5.5."""

Frame: TypeAlias = Notify | Overflow | UnknownFrame | MalformedFrame
