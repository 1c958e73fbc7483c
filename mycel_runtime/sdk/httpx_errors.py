"""httpcore's errors, which our networks speak in, as httpx's, which its transports do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURES: Final = (httpcore.NetworkError, httpcore.TimeoutException)
"""All that a network raises."""

_KINDS: Final[Mapping[type[Exception], type[httpx.TransportError]]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
}


def while_asking(exc: Exception) -> httpx.TransportError:
    """One of `FAILURES`, on a way that is open or waited for."""
    return _KINDS[type(exc)](str(exc))


def while_connecting(exc: Exception) -> httpx.TransportError:
    """
    What ended a connection before the backend was asked anything, be it a read, a write, or what a proxy said.

    Args:
        exc: One of `FAILURES`, or `httpx.RemoteProtocolError`.
    """
    if isinstance(exc, httpcore.TimeoutException):
        return httpx.ConnectTimeout(str(exc))
    return httpx.ConnectError(str(exc))
