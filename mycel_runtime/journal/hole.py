"""A number that is missing in a chat, as a value. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A number of a chat that was missing when a higher one was read: perhaps its message is yet to come (Q27)."""

    seq: MessageSeq
    noticed_at: float
