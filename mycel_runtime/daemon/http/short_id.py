"""Ids as the page shows them: enough to find a chat in the log again, too little to ask Mycel for it. Pure."""

from __future__ import annotations

from typing import Final

_CHARACTERS: Final = 8


def short_id(value: str) -> str:
    """Its beginning."""
    return value if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]}…"


def short_lane(lane: str) -> str:
    """As `short_id`, of what is behind the kind of lane."""
    kind, colon, rest = lane.partition(":")
    return lane if kind == "timer" or not colon else f"{kind}:{short_id(rest)}"
