"""The frames of the runtime inbox stream, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """
    Something happened; what it says is metadata only (contract 5.4, 5.5).

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
        return _text(self.metadata.get("event_type"))

    @property
    def chat_id(self) -> ChatId | None:
        """The chat concerned, if one is."""
        chat_id = _text(self.metadata.get("chat_id"))
        return ChatId(chat_id) if chat_id else None

    @property
    def message_seq(self) -> MessageSeq | None:
        """
        At least this far the chat should be looked at.

        Source: Q34: the newest visible message at drain time, an upper bound of what is new.
        """
        seq = self.metadata.get("message_seq")
        return MessageSeq(seq) if isinstance(seq, int) and not isinstance(seq, bool) else None


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


Frame: TypeAlias = Notify | Overflow | UnknownFrame | MalformedFrame


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
