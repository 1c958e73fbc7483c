"""The errors of httpx, in which our networks say what has failed, as its own transports do."""

from __future__ import annotations

from typing import Final

import httpx

FAILURES: Final = (httpx.NetworkError, httpx.TimeoutException)
"""All that a network raises."""


def while_connecting(exc: Exception) -> httpx.TransportError:
    """
    What ended a connection before the backend was asked anything, be it a read, a write, or what a proxy said.

    Args:
        exc: One of `FAILURES`, or `httpx.RemoteProtocolError`.
    """
    if isinstance(exc, httpx.TimeoutException):
        return httpx.ConnectTimeout(str(exc))
    return httpx.ConnectError(str(exc))
