"""Taking in an answer's body, bounded. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.sdk.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Decoded. `unread` is not paged (contract 1.5), so that this is generous; nothing honest comes near it."""

_OK: Final = 200
_SERVER_ERROR: Final = 500


class Body:
    """
    A body as its chunks come in.

    Args:
        status: Of the answer.
        headers: Of the answer; names in lower case.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = headers
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._is_cut = False
        self._stop_after = _length_on_a_doomed_connection(status, headers)

    def take(self, chunk: bytes) -> bool:
        """Whether to read on; after a no, the connection is to be closed, not reused."""
        self._bytes += len(chunk)
        if self._bytes > MAX_BODY_BYTES:
            self._is_cut = True
            return False
        self._chunks.append(chunk)
        return self._stop_after is None or self._bytes < self._stop_after

    def reply(self) -> Reply:
        """What has been taken in, what time it is there, and of a refusal what else its headers say of it."""
        content = b"".join(self._chunks)
        if self._status == _OK:
            return Reply(self._status, content, date=self._headers.get("date", ""), is_cut=self._is_cut)
        return Reply(
            self._status,
            content,
            self._headers.get("retry-after", ""),
            self._headers.get("date", ""),
            is_cut=self._is_cut,
            location=self._headers.get("location", ""),
        )


def _length_on_a_doomed_connection(status: int, headers: Mapping[str, str]) -> int | None:
    """
    How long the body is, if the server is about to close the connection without having said so.

    That is what follows an uncaught exception, told by its plain text (contract 1.4): the next request on the
    connection would be answered by a reset. An HTTP client reuses a connection only if it has seen the end of the
    answer, so whoever stops at the last byte has it closed.
    """
    if status != _SERVER_ERROR or "json" in headers.get("content-type", ""):
        return None
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
