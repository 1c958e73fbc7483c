"""
When something was, in either form.

Source: contract 1.6: float epoch seconds for most, ISO 8601 for some, and a client accepts both forms everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime


def time_of(value: object) -> datetime | None:
    """
    A time as answered; `None` if it tells none.

    A text without an offset is taken for UTC. What no calendar has is no reason to keep the rest of a message back.
    """
    try:
        match value:
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str():
                told = datetime.fromisoformat(value)
                return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
            case _:
                return None
    except (ValueError, OverflowError, OSError):
        return None
