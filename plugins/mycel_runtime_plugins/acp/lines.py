"""
Bytes of an agent's standard output become lines, of whatever length, in bounded memory. Pure.

A line is kept whole up to `WHOLE_BYTES`. What is longer is nearly always one long text in an otherwise small object:
from there on each text of the line is cut at `TEXT_BYTES`, while the structure around it stays, so that the line can
still be read. What is too long even so is given up, and counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_BYTES: Final = 262_144
"""Of a line that is kept as it came. To parse it takes about a millisecond of the loop."""

TEXT_BYTES: Final = 524_288
"""Of one text of a longer line, at most."""

LINE_BYTES: Final = 1_048_576
"""Of a line that was cut, at most."""

_PIECE_BYTES: Final = 65_536
"""That are looked at in one go."""

_TEXT: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""The rest of a text, up to its quotation mark or to what is not there yet."""

_OUTSIDE: Final = re.compile(rb'[^"]*+')

_TORN_ESCAPE: Final = re.compile(rb"(\\*)(?:u[0-9a-fA-F]{0,3})?\Z")


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line, without its end.

    Attributes:
        is_cut: Some text of it is not whole.
    """

    data: bytes
    is_cut: bool = False


class _Cutter:
    """A line that is too long to be kept whole, as it comes."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._rest = b""
        self._in_text = False
        self._text_bytes = 0
        self._is_torn = False
        self.is_cut = False
        self.is_lost = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the line."""
        for start in range(0, len(data), _PIECE_BYTES):
            self._feed(data[start : start + _PIECE_BYTES])

    def line(self) -> Line | None:
        """It has ended; `None`: it is lost."""
        return None if self.is_lost else Line(bytes(self._kept), self.is_cut)

    def _feed(self, piece: bytes) -> None:
        if self.is_lost:
            return
        data, place = self._rest + piece, 0
        self._rest = b""
        while place < len(data):
            place = self._take_text(data, place) if self._in_text else self._take_outside(data, place)
        if len(self._kept) > LINE_BYTES:
            self.is_lost = True
            self._kept.clear()

    def _take_outside(self, data: bytes, place: int) -> int:
        """Structure, up to and with the next quotation mark."""
        end = _end_of(_OUTSIDE, data, place)
        if end < len(data):
            end += 1
            self._in_text, self._text_bytes, self._is_torn = True, 0, False
        self._kept += data[place:end]
        return end

    def _take_text(self, data: bytes, place: int) -> int:
        """A text, up to its quotation mark, or to a backslash of which it is not known yet what follows."""
        end = _end_of(_TEXT, data, place)
        self._keep(data[place:end])
        if end == len(data):
            return end
        if data[end : end + 1] == b'"':
            self._in_text = False
            self._kept += b'"'
            return end + 1
        self._rest = data[end:]
        return len(data)

    def _keep(self, text: bytes) -> None:
        room = TEXT_BYTES - self._text_bytes
        self._text_bytes += len(text)
        if len(text) <= room:
            self._kept += text
            return
        self.is_cut = True
        if not self._is_torn:
            self._is_torn = True
            self._kept += text[: max(room, 0)]
            self._mend()

    def _mend(self) -> None:
        """An escape that was cut in the middle is left out."""
        tail = bytes(self._kept[-16:])
        found = _TORN_ESCAPE.search(tail)
        if found is not None and found[0] and len(found[1]) % 2:
            del self._kept[len(self._kept) - (len(found[0]) - len(found[1]) + 1) :]


def _end_of(pattern: re.Pattern[bytes], data: bytes, place: int) -> int:
    found = pattern.match(data, place)
    return place if found is None else found.end()


class LineReader:
    """
    Takes bytes as they come and yields lines.

    Attributes:
        lost: Lines that were too long, cut as they were.
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._cutter: _Cutter | None = None
        self.lost = 0

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that end in these bytes, in order; to be exhausted before the next call."""
        *ends, begun = data.split(b"\n")
        for end in ends:
            if (line := self._finish(end)) is not None:
                yield line
        self._begin(begun)

    def _begin(self, data: bytes) -> None:
        if self._cutter is not None:
            self._cutter.feed(data)
            return
        self._begun.append(data)
        self._begun_bytes += len(data)
        if self._begun_bytes > WHOLE_BYTES:
            self._cutter = _Cutter()
            for each in self._begun:
                self._cutter.feed(each)
            self._begun, self._begun_bytes = [], 0

    def _finish(self, end: bytes) -> Line | None:
        self._begin(end)
        cutter, self._cutter = self._cutter, None
        if cutter is None:
            line = Line(b"".join(self._begun))
            self._begun, self._begun_bytes = [], 0
            return line
        made = cutter.line()
        self.lost += made is None
        return made
