"""A chat in which nothing is said, as a value. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A chat in which nothing is said until a human speaks there or the operator says so."""

    chat_id: ChatId
    reason: str
    held_at: float
