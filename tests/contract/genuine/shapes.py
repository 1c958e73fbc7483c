"""Values that are equal to whatever has their shape, to be put into an expected answer."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH_NOW: Final = (1.7e9, 4e9)
"""Seconds between which "now" lies, in this century."""


class Shape:
    """Equal to every value that passes."""

    def __init__(self, name: str, passes: Callable[[Any], bool]) -> None:
        self._name = name
        self._passes = passes

    @override
    def __eq__(self, other: object) -> bool:
        return self._passes(other)

    @override
    def __hash__(self) -> int:
        return hash(self._name)

    @override
    def __repr__(self) -> str:
        return f"<{self._name}>"


def _is_uuid(value: Any) -> bool:
    try:
        return str(uuid.UUID(value)) == value
    except (ValueError, AttributeError, TypeError):
        return False


def _is_iso(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def matching(pattern: str) -> Shape:
    """Text that a regular expression matches as a whole."""
    return Shape(
        f"text like {pattern}",
        lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None,
    )


TEXT: Final = Shape("text", lambda value: isinstance(value, str) and value != "")
UUID: Final = Shape("uuid", _is_uuid)
EPOCH: Final = Shape(
    "epoch seconds", lambda value: isinstance(value, float) and EPOCH_NOW[0] < value < EPOCH_NOW[1]
)
ISO: Final = Shape("ISO 8601 with offset", _is_iso)
TOKEN: Final = matching(r"[\w-]+\.[\w-]+\.[\w-]+")
NUMBER: Final = Shape("whole number", lambda value: type(value) is int)
ANYTHING: Final = Shape("anything", lambda _: True)
