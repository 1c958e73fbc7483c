"""
A long answer in parts, each of which says which one it is, so that a missing end is seen. Pure.

Only what has been said survives a kill between two parts, and another run's answer is another one: the mark tells
that run, and the person, that the answer has not come to its end.
"""

from __future__ import annotations

import re
from typing import Final

from mycel_runtime import split_text

_MARK: Final = re.compile(r"\n\((\d{1,4})/(\d{1,4})\)\Z")

_MARK_CHARACTERS: Final = len("\n(9999/9999)")


def parts_of(text: str, limit: int) -> list[str]:
    """Of at most `limit` characters each; without a mark where there is only one."""
    if len(text) <= limit:
        return [text]
    pieces = split_text(text, limit - _MARK_CHARACTERS)
    return [f"{piece}\n({number}/{len(pieces)})" for number, piece in enumerate(pieces, 1)]


def is_unfinished(part: str) -> bool:
    """Whether other parts should follow this one."""
    found = _MARK.search(part)
    return found is not None and int(found[1]) < int(found[2])


def without_mark(part: str) -> str:
    """As the model has written it."""
    return _MARK.sub("", part)
