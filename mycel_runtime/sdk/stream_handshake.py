"""How a subscription is asked for, and what refuses or ends it: the same with an event loop and without one."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import websockets

from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError, TransportError
from mycel_runtime.sdk import redirect
from mycel_runtime.sdk.retry_after import retry_after_seconds
from mycel_runtime.sdk.transport import ClientUsageError
from mycel_runtime.wire import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response
    from websockets.sync.client import ClientConnection as SyncClientConnection

PATH: Final = "/api/runtime/inbox/subscribe"

_SILENT: Final = logging.Logger("mycel_runtime.sdk.stream", logging.CRITICAL + 1)  # noqa: LOG001
"""Stands outside the tree of loggers: at DEBUG, websockets would print the handshake with its token."""

_ABNORMAL: Final = 1006

QUEUED_FRAMES: Final = 512
"""What waits in the connection before it stops reading; at the library's 16 a burst stops it all the time."""


def stream_url(base_url: str) -> str:
    """
    The stream's address, derived by text (contract 1.1).

    Raises:
        ClientUsageError: The scheme is neither http nor https.
    """
    for http, web_socket in (("https://", "wss://"), ("http://", "ws://")):
        if base_url.startswith(http):
            return web_socket + base_url.removeprefix(http) + PATH
    raise ClientUsageError("base_url must start with http:// or https://")


def connection_options(
    token: str, connect_timeout: float, proxy: str | None, ping_interval: float, ping_timeout: float
) -> dict[str, Any]:
    """Arguments of the library's `connect`, in either colour; times are seconds."""
    return {
        "additional_headers": {"Authorization": f"Bearer {token}"},
        "compression": None,
        "open_timeout": connect_timeout,
        "close_timeout": limits.CLOSE_TIMEOUT_SECONDS,
        "ping_interval": ping_interval,
        "ping_timeout": ping_timeout,
        "max_size": limits.FRAME_BYTES,
        "max_queue": QUEUED_FRAMES,
        "proxy": proxy,
        "user_agent_header": None,
        "logger": _SILENT,
    }


@contextlib.contextmanager
def handshake_errors() -> Iterator[None]:
    """
    What connecting raises, in our words.

    Raises:
        NotSentError: No connection.
        TransportError: The handshake broke off.
    """
    try:
        yield
    except (OSError, websockets.ProxyError) as exc:
        raise NotSentError(f"stream: {type(exc).__name__}: {exc}") from exc
    except websockets.WebSocketException as exc:
        raise TransportError(f"stream: {type(exc).__name__}: {exc}") from exc
    except EOFError as exc:
        raise TransportError("stream: connection closed during the handshake") from exc


def refused(exc: websockets.InvalidStatus) -> HandshakeError:
    """What the server has answered instead of a stream."""
    response = exc.response
    if response.status_code in redirect.STATUSES:
        redirected = redirect.redirect_error(response.status_code, _header(response, "Location"), PATH)
        return HandshakeError(response.status_code, redirected.detail)
    body = bytes(response.body or b"")[:200].decode("utf-8", "replace")
    retry_after = retry_after_seconds(_header(response, "Retry-After"), _header(response, "Date"))
    detail = body or response.reason_phrase
    return HandshakeError(response.status_code, detail, retry_after_seconds=retry_after)


def lost_by(connection: ClientConnection | SyncClientConnection) -> BaseException | None:
    """What ended it; `recv_exc` is the name before websockets 16."""
    lost: BaseException | None = getattr(connection, "connection_exc", None)
    return lost or getattr(connection, "recv_exc", None)


def _header(response: Response, name: str) -> str:
    """As `httpx` gives it: several are one text with commas, where `websockets` would raise."""
    return ", ".join(response.headers.get_all(name))


def closed(exc: websockets.ConnectionClosed) -> ConnectionClosed:
    """The close frame's code and reason; 1006 without one."""
    frame = exc.rcvd or exc.sent
    return ConnectionClosed(frame.code, frame.reason) if frame else ConnectionClosed(_ABNORMAL)
