"""Spans of time and sizes, as people write them."""

from __future__ import annotations

import math
import re
from typing import Final

from pydantic_core import PydanticCustomError

FOREVER: Final = "forever"
UNLIMITED: Final = "unlimited"

SHORTEST_KEEP_SECONDS: Final = 86_400.0
"""Within it a lost send may turn up, and a tool's caller may ask again for what he has had said."""

SMALLEST_JOURNAL_BYTES: Final = 16 * 2**20
"""More than what has to stay of an agent in a thousand chats."""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_BYTES: Final = {
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip

_LONGEST_SECONDS: Final = 100 * 366 * 86_400
_AMOUNT: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([A-Za-z]+)")


def seconds_of(text: str) -> float:
    """
    Of `90s`, `30m`, `12h`, `7d`, `2w`; `math.inf` of `forever`.

    Raises:
        PydanticCustomError: It is none of these, or longer than a century.
    """
    if text.strip() == FOREVER:
        return math.inf
    seconds = _amount(text, _SECONDS)
    if seconds is None or seconds > _LONGEST_SECONDS:
        raise PydanticCustomError("time_span", "must be a time like 12h, 7d or 2w, or forever")
    return seconds


def bytes_of(text: str) -> float:
    """
    Of `500 MB`, `1 GiB` and the like; `math.inf` of `unlimited`.

    Raises:
        PydanticCustomError: It is no size.
    """
    if text.strip() == UNLIMITED:
        return math.inf
    size = _amount(text, _BYTES)
    if size is None:
        raise PydanticCustomError("size", "must be a size like 500 MB or 1 GiB, or unlimited")
    return size


def checked_keep(text: str) -> str:
    """
    How long something is kept.

    Raises:
        PydanticCustomError: As `seconds_of`; or it is too short.
    """
    if seconds_of(text) < SHORTEST_KEEP_SECONDS:
        raise PydanticCustomError("time_span", "must be at least 1d")
    return text


def checked_size(text: str) -> str:
    """
    How large the journal may become.

    Raises:
        PydanticCustomError: As `bytes_of`; or it is too small.
    """
    if bytes_of(text) < SMALLEST_JOURNAL_BYTES:
        raise PydanticCustomError("size", "must be at least 16 MiB")
    return text


def _amount(text: str, units: dict[str, int]) -> float | None:
    match = _AMOUNT.fullmatch(text.strip())
    unit = units.get(match[2].lower()) if match else None
    return None if match is None or unit is None else float(match[1]) * unit
