"""Something that happened, as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    Something that happened.

    Attributes:
        name: The log event.
        level: Of its line.
        may_storm: One cause can make it happen thousands of times a second, each alike: its lines are thinned out.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    may_storm: ClassVar[bool] = False
