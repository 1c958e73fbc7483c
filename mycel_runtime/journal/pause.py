"""What the operator has paused, as values. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import UserId

PARKED_AT: Final = 253_402_300_799.0
"""
When parked work is due: at the end of the year 9999, so not before it is resumed.

A number like any other, because infinity is none in JSON.
"""


NOBODY: Final = UserId("")
"""
Whose a pause is before the agent's first contact; it becomes that of the first identity that this state directory's
agent is known by. In a store that several agents share, each has a nobody of its own.
"""


class PauseKind(StrEnum):
    """What is paused."""

    AGENT = "agent"
    CHAT = "chat"
    PLUGIN = "plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """
    One of them.

    Attributes:
        name: The chat's id or the plugin's name; empty of the agent.
    """

    kind: PauseKind
    name: str
    paused_at: float
