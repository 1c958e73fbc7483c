"""
Draws a state machine from its table, as Mermaid: what `README.md` beside it shows cannot lie.

`python -m mycel_runtime.journal.state_diagrams` prints both.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mycel_runtime.journal.delivery_state import DELIVERY_TRANSITIONS
from mycel_runtime.journal.intent import INTENT_TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import StrEnum


def draw(table: Mapping[tuple[StrEnum, StrEnum], Iterable[StrEnum]]) -> str:
    """The table as a Mermaid state diagram, in the table's order."""
    lines = [
        f"    {state} --> {after}: {event}"
        for (state, event), possible in table.items()
        for after in sorted(possible)
    ]
    return "\n".join(["stateDiagram-v2", *lines])


def state_diagrams() -> list[str]:
    """A delivery, and an intent, each in a fenced block."""
    return [
        f"```mermaid\n{picture}\n```"
        for picture in (draw(DELIVERY_TRANSITIONS), draw(INTENT_TRANSITIONS))  # type: ignore[arg-type]  # enums of their own are StrEnums
    ]


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(state_diagrams()) + "\n")
