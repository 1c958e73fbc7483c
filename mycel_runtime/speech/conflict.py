"""Somebody speaks before a reply: what its handler wants done then. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from mycel_runtime.errors import NotCaughtUpError
from mycel_runtime.speech.interrupts import DroppedError, SupersededError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire.resources import Message

ConflictPolicy = Literal["rerun", "repeat", "raise", "drop"]

ASKED_AGAIN: Final = frozenset({"rerun", "repeat"})
"""Policies by which a handler that was overtaken is run again at once."""

CONFLICT: Final = 409


def conflict(policy: ConflictPolicy, unshown: Sequence[Message]) -> BaseException:
    """
    What the handler's send raises.

    Args:
        policy: The handler's.
        unshown: What it has not been shown; by those of `ASKED_AGAIN` it is shown that next.
    """
    match policy:
        case "rerun" | "repeat":
            return SupersededError(unshown)
        case "drop":
            return DroppedError()
        case "raise":
            return NotCaughtUpError(CONFLICT, f"{len(unshown)} messages were said meanwhile")
