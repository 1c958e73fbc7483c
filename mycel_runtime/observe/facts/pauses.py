"""What the operator pauses and resumes."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBegun(Fact):
    """
    The operator has paused something: its work waits, nothing is run or said by it.

    Attributes:
        kind: `agent`, `chat` or `plugin`.
        paused: The chat's id or the plugin's name; empty of the agent.
    """

    name: ClassVar[str] = "pause.begun"
    kind: str
    paused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseKept(Fact):
    """
    At a start: what was paused before is paused still, until `mycel-runtime resume`.

    Attributes:
        kind: As of `PauseBegun`.
        paused: As of `PauseBegun`.
    """

    name: ClassVar[str] = "pause.kept"
    kind: str
    paused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseEnded(Fact):
    """
    It was resumed; its work is due at once. Attributes as of `PauseBegun`.

    Attributes:
        kind: As of `PauseBegun`.
        paused: As of `PauseBegun`.
    """

    name: ClassVar[str] = "pause.ended"
    kind: str
    paused: str
