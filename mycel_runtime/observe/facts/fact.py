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
        alike_by: One cause can make it happen thousands of times a second: those which have the same values of these
            fields have one line a second. `None`: each has its own.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    alike_by: ClassVar[tuple[str, ...] | None] = None
