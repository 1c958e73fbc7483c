"""
A long text in pieces that can each be said: cut between paragraphs, lines, sentences, words, in this order. Pure.

A fenced code block (CommonMark 4.5) stays whole where it can. One that is longer than a piece is closed at the end of
each piece and opened again in the next, so that every piece shows as code what is code.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final, NamedTuple

from mycel_runtime.errors import ArgumentError
from mycel_runtime.lazy_dataclass import dataclass

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)

_BREAKS: Final = (
    re.compile(r"[ \t]*\n[ \t]*\n"),
    re.compile(r"[ \t]*\n"),
    re.compile(r"(?<=[.!?…])[\"'”’)\]]*[ \t]+|(?<=[。！？；])[”’」』）]*"),
    re.compile(r"\s+"),
)
"""Between paragraphs, lines, sentences and words: what is matched belongs to the end of the text before it."""

_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f")
"""They belong to the character before them; what follows a zero-width joiner does, too."""


class _Cut(NamedTuple):
    """Where a piece ends and where the next begins; white space between the two is dropped."""

    end: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fence:
    """
    A fenced code block.

    Attributes:
        start, end: In the text, its fences included.
        opening: Its first line.
        marker: What closes it.
    """

    start: int
    end: int
    opening: str
    marker: str


def split_text(text: str, limit: int) -> list[str]:
    """
    Cut a text into pieces of at most `limit` characters, none of them blank.

    Put together again they are the text, but for white space at the cuts and fences of code blocks that were cut.

    Args:
        text: As long as it likes; blank: there are no pieces.
        limit: Characters (code points), at least 1.

    Returns:
        The pieces, in order.

    Raises:
        ArgumentError: `limit` is no such number.
    """
    _require_limit(limit)
    pieces, rest = [], _without_blank_edges(text)
    while len(rest) > limit:
        piece, rest = _split_off(rest, limit)
        if piece:  # nothing is left of an indentation that fills a whole piece
            pieces.append(piece)
    if rest.strip():
        pieces.append(rest)
    return pieces


def _require_limit(limit: Any) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ArgumentError("the limit is no number of characters", fix="Give an int of at least 1.")


def _without_blank_edges(text: str) -> str:
    """Without blank lines at either end; what a first line is indented by may mean something."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", text).rstrip()


def _split_off(text: str, limit: int) -> tuple[str, str]:
    """The first piece and what is left, which is shorter than the text."""
    fences = _fences(text, limit)
    if fences and fences[0].start == 0 and fences[0].end > limit:
        if (halves := _split_fence(text, fences[0], limit)) is not None:
            return halves
        fences = []  # So narrow that no fence fits: text like any other.
    cut = _best_cut(text, limit, fences)
    return text[: cut.end].rstrip(), _without_blank_edges(text[cut.start :])


def _split_fence(text: str, fence: _Fence, limit: int) -> tuple[str, str] | None:
    """As `_split_off`, within the code block that the text begins with; `None`: there is no room for its fences."""
    first = len(fence.opening) + 1
    room = limit - len(fence.marker) - 1
    if room <= first:
        return None
    end = text.rfind("\n", first, room + 1)
    end, start = (end, end + 1) if end >= first else (_whole_characters(text, room, after=first), 0)
    rest = text[max(start, end) :]
    return f"{text[:end]}\n{fence.marker}", f"{fence.opening}\n{rest}"


def _best_cut(text: str, limit: int, fences: list[_Fence]) -> _Cut:
    """The last of the best kind in the second half of the piece; else the last of the best kind that there is."""
    within = next((fence for fence in fences if fence.start < limit < fence.end), None)
    if within is not None:
        return _Cut(within.start, within.start)
    kinds = [_last_break(kind, text, limit, fences) for kind in _BREAKS]
    found = [cut for cut in kinds if cut is not None]
    late = next((cut for cut in found if cut.end >= limit // 2), None)
    if best := late or next(iter(found), None):
        return best
    end = _whole_characters(text, limit)
    return _Cut(end, end)


def _last_break(kind: re.Pattern[str], text: str, limit: int, fences: list[_Fence]) -> _Cut | None:
    """The last one of a kind that ends a piece in time, outside of code blocks."""
    last = None
    for found in kind.finditer(text, 1, limit + 2):
        end = found.start() + len(found[0].rstrip())
        if end > limit:
            break
        if text[:end].strip() and not any(fence.start < end < fence.end for fence in fences):
            last = _Cut(end, found.end())
    return last


def _whole_characters(text: str, end: int, *, after: int = 0) -> int:
    """At most `end`, beyond `after`, and not between a character and what is drawn upon it, if that can be helped."""
    place = end
    while place > after and _belongs_to_the_one_before(text, place):
        place -= 1
    return place if place > after else end


def _belongs_to_the_one_before(text: str, place: int) -> bool:
    if place >= len(text):
        return False
    return text[place] in _JOINERS or text[place - 1] == "\u200d" or unicodedata.combining(text[place]) != 0


def _fences(text: str, limit: int) -> list[_Fence]:
    """The code blocks that begin within the limit, in order; whatever ends beyond it goes on to the end."""
    fences, opening = [], None
    lines_end = text.find("\n", limit)
    for line in _FENCE.finditer(text, 0, len(text) if lines_end < 0 else lines_end):
        marker, info = line[1], line[2]
        if opening is None:
            is_opening = marker[0] == "~" or "`" not in info
            opening = line if is_opening else None
        elif marker.startswith(opening[1]) and not info.strip():
            fences.append(_fence(opening, line.end()))
            opening = None
    if opening is not None:
        fences.append(_fence(opening, len(text)))
    return fences


def _fence(opening: re.Match[str], end: int) -> _Fence:
    return _Fence(start=opening.start(), end=end, opening=opening[0], marker=opening[1])
