"""
The inbox stream for code without an event loop: a thread of `websockets` reads beside the one that asks.

Apart from `stream`, which a daemon has alone.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import websockets
from typing_extensions import override
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from mycel_runtime.forks import closed_in_forks
from mycel_runtime.sdk.happy_eyeballs import connect_racing
from mycel_runtime.sdk.locked_tls import LockedTlsContext
from mycel_runtime.sdk.stream_handshake import (
    closed,
    connection_options,
    handshake_errors,
    lost_by,
    refused,
    stream_url,
)
from mycel_runtime.wire import limits
from mycel_runtime.wire.codec import encode_resume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.protocol import Event

_PORTS: Final = {"http": 80, "https": 443}


class _SyncConnection(ClientConnection):
    """As that of `stream`."""

    @override
    def handshake(self, *args: Any, **options: Any) -> None:
        try:
            super().handshake(*args, **options)
        except websockets.InvalidStatus as exc:
            raise refused(exc) from exc
        except (websockets.InvalidMessage, websockets.ConnectionClosed) as exc:
            raise exc from lost_by(self) or exc.__cause__

    @override
    def process_event(self, event: Event) -> None:
        """As that of `stream` does with data; on the thread that would wait."""
        super().process_event(event)
        is_goodbye = isinstance(event, Frame) and event.opcode is Opcode.CLOSE
        if is_goodbye and not _is_readable(self.socket, limits.CLOSE_TIMEOUT_SECONDS):
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def _is_readable(connection: socket.socket, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(seconds))


class SyncStreamConnection:
    """An open subscription."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def receive(self, timeout: float | None = None) -> str | bytes:
        """
        As `stream.StreamConnection.receive`.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; nothing is lost.
        """
        try:
            return self._connection.recv(timeout)
        except websockets.ConnectionClosed as exc:
            raise closed(exc) from exc


@contextlib.contextmanager
def open_sync_stream(
    *,
    base_url: str,
    auth_token: str,
    since_seq: int | None,
    connect_timeout: float = 10.0,
    proxy: str | None = None,
    ping_interval: float = limits.PING_INTERVAL_SECONDS,
    ping_timeout: float = limits.PING_TIMEOUT_SECONDS,
    **options: Any,
) -> Iterator[SyncStreamConnection]:
    """As `stream.open_stream`."""
    settings = connection_options(auth_token, connect_timeout, proxy, ping_interval, ping_timeout)
    with contextlib.ExitStack() as stack:
        with handshake_errors():
            connection = stack.enter_context(_connect_sync(base_url, connect_timeout, settings | options))
        stack.enter_context(closed_in_forks(connection.socket))
        if since_seq is not None:
            with contextlib.suppress(websockets.ConnectionClosed):
                connection.send(encode_resume(since_seq))
        yield SyncStreamConnection(connection)


def _connected(base_url: str, timeout: float) -> socket.socket:
    """What `websockets` would wait for address after address."""
    url = urlsplit(base_url)
    connected = connect_racing(url.hostname or "", url.port or _PORTS[url.scheme], timeout=timeout)
    connected.settimeout(None)
    return connected


def _connect_sync(base_url: str, timeout: float, settings: dict[str, Any]) -> ClientConnection:
    """Connected, after the handshake; a thread of `websockets` reads beside the one that writes."""
    url = stream_url(base_url)
    if url.startswith("wss:"):
        settings = settings | {"ssl": LockedTlsContext(settings.get("ssl") or ssl.create_default_context())}
    connection: ClientConnection = connect(
        url,
        sock=None if settings["proxy"] else _connected(base_url, timeout),
        create_connection=_SyncConnection,
        **settings,
    )
    return connection
