"""
Whole text messages in the bytes of a server, taken out before `websockets` reads them. Does no I/O.

A subscription is hardly anything else. The library reads each by a chain of generators, which costs more than the
rest of a frame's way to the journal; to find where one ends takes a few lines. Everything else, the handshake, pings,
messages in parts, what is too large or wrong, is the library's as ever, a frame at a time and in its order: it never
stands in the midst of a frame when a text message comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from websockets.frames import Frame, Opcode

from mycel_runtime.wire.limits import FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE_TEXT: Final = 0x81
"""First byte of a text message that is not in parts. Source: RFC 6455, 5.2."""

_FINAL: Final = 0x80
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
"""Of the second byte; only a client masks."""

_IN_TWO_BYTES: Final = 126
"""The length that says so; the next one, in eight."""

_SHORTEST: Final = 2
_LONGEST: Final = 10
"""Bytes before the content."""

_HEAD_END: Final = b"\r\n\r\n"


class TextFrames:
    """
    The bytes of one connection, from its first.

    Attributes:
        in_handshake: The server's answer to the handshake has not ended.
    """

    def __init__(self) -> None:
        self.in_handshake = True
        self._passes_on = False
        self._bytes = bytearray()
        self._in_parts = False
        self._last = b""

    def pass_on(self) -> None:
        """From now on everything is the library's."""
        self._passes_on = True

    def split(self, data: bytes) -> Iterator[list[Frame] | bytes]:
        """
        Text messages that are whole by now, in lists, and what is the library's, in the order of their coming.

        Args:
            data: What has come next.

        Yields:
            Each when the one before has been seen to: what is the library's may be a reason to `pass_on`.
        """
        if self.in_handshake and not self._passes_on:
            head, data = self._head(data)
            yield head
        self._bytes += data
        if self._passes_on:
            yield from self._rest()
            return
        at, texts = 0, list[Frame]()
        while (extent := _extent(self._bytes, at)) is not None:
            begin, end = extent
            if self._bytes[at] == _WHOLE_TEXT and not self._in_parts:
                texts.append(Frame(Opcode.TEXT, self._bytes[begin:end]))
            else:
                if texts:
                    yield texts
                    texts = []
                yield self._of_library(at, end)
            at = end
            if self._passes_on:
                break
        if texts:
            yield texts
        del self._bytes[:at]
        yield from self._rest()

    def _head(self, data: bytes) -> tuple[bytes, bytes]:
        """The part that belongs to the answer to the handshake, and what comes after it."""
        before = len(self._last)
        seen = self._last + data
        found = seen.find(_HEAD_END)
        if found < 0:
            self._last = seen[-len(_HEAD_END) + 1 :]
            return data, b""
        self.in_handshake = False
        cut = found + len(_HEAD_END) - before
        return data[:cut], data[cut:]

    def _of_library(self, at: int, end: int) -> bytes:
        opcode = self._bytes[at] & _OPCODE
        if opcode <= Opcode.BINARY:
            self._in_parts = not self._bytes[at] & _FINAL
        return bytes(self._bytes[at:end])

    def _rest(self) -> Iterator[bytes]:
        """What the library has to see, whole or not: it says what is wrong with it."""
        if self._passes_on or _is_refused(self._bytes):
            self._passes_on = True
            rest, self._bytes = bytes(self._bytes), bytearray()
            if rest:
                yield rest


def _extent(data: bytearray, at: int) -> tuple[int, int] | None:
    """Where the content of the frame that begins here begins and ends; `None`: it is not whole, or wrong."""
    size = len(data)
    if size - at < _SHORTEST:
        return None
    length, begin = data[at + 1], at + 2
    if length == _IN_TWO_BYTES:
        begin = at + 4
        length = int.from_bytes(data[at + 2 : begin], "big")
    elif length > _IN_TWO_BYTES:
        begin = at + 10
        length = FRAME_BYTES + 1 if length & _MASKED else int.from_bytes(data[at + 2 : begin], "big")
    end = begin + length
    return (begin, end) if end <= size and length <= FRAME_BYTES else None


def _is_refused(data: bytearray) -> bool:
    """Whether what begins here is masked, which only a client's frames are, or too large."""
    if len(data) < _SHORTEST:
        return False
    length = data[1]
    if length & _MASKED:
        return True
    return (
        length > _IN_TWO_BYTES and len(data) >= _LONGEST and int.from_bytes(data[2:10], "big") > FRAME_BYTES
    )
