"""A program's standard output, read to its end or to a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_CHUNK_BYTES: Final = 65_536


class OutputTooLargeError(RuntimeError):
    """
    A program has written more than it may.

    Args:
        most: Bytes that it may write.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"the program has written more than {most:,} bytes")


async def read_bounded(output: asyncio.StreamReader, most: int) -> bytes:
    """
    All that is written until the end.

    Args:
        output: Of a child.
        most: Bytes that are held.

    Raises:
        OutputTooLargeError: There is more; what was read is thrown away.

    Cancelling: what was read is lost.
    """
    read = bytearray()
    while chunk := await output.read(_CHUNK_BYTES):
        if len(read) + len(chunk) > most:
            raise OutputTooLargeError(most)
        read += chunk
    return bytes(read)
