"""
A frame as the journal keeps it. Times are epoch seconds of the wall clock.

What is made for every frame is a tuple: making a frozen dataclass costs several times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import InboxSeq, UserId


class Entry(NamedTuple):
    """
    A frame as it came: a row, its columns in their order.

    Attributes:
        seq: `None` for what has no number: unknown and malformed frames, and what reconcile found out.
        kind: The event type, `!unknown`, or `!malformed`.
        raw: The text as received; metadata only, never a message body.
    """

    identity: UserId
    epoch: int
    seq: InboxSeq | None
    kind: str
    fingerprint: str
    ts: float | None
    raw: str
    received_at: float


class Mark(NamedTuple):
    """What tells a replay from a re-used number (Q47); `ts` is unknown for HTTP items."""

    fingerprint: str
    ts: float | None
