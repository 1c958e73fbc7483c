"""Holes of a chat as a column keeps them: JSON, [[seq, noticed_at], ...]."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mycel_runtime.journal.hole import Hole

if TYPE_CHECKING:
    from collections.abc import Iterable


def text_of_holes(holes: Iterable[Hole]) -> str:
    """Values as a column."""
    return json.dumps([[hole.seq, hole.noticed_at] for hole in holes])


def holes_of(text: str) -> tuple[Hole, ...]:
    """A column as values."""
    return tuple(Hole(seq=seq, noticed_at=at) for seq, at in json.loads(text))
