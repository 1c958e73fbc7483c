"""What is left out of a body, and what is refused before it is sent."""

from __future__ import annotations

from typing import Any, Final

UNSET: Final[Any] = object()
"""For arguments where `None` is a value that goes on the wire."""


def without_none(**values: Any) -> dict[str, Any]:
    """Those that are not `None`."""
    return {key: value for key, value in values.items() if value is not None}


def without_unset(**values: Any) -> dict[str, Any]:
    """Those that are not `UNSET`."""
    return {key: value for key, value in values.items() if value is not UNSET}


def require_one_of(value: str, allowed: tuple[str, ...], name: str) -> None:
    """
    Refuse what no server takes.

    Raises:
        ValueError: `value`, given as `name`, is not one of `allowed`.
    """
    if value not in allowed:
        raise ValueError(f"{value!r} is not a valid {name}: one of {', '.join(allowed)}")
