"""
uvicorn's WebSocket connections, with handles for trouble, and a receive queue of the real server's size.

They rest on uvicorn's internals, which is why they are all in this one module.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, cast

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, MutableMapping

    from websockets.http11 import Request

SOCKET: Final = "mycel.socket"
"""Where in an ASGI scope's extensions the connection stands."""

_LENGTH_IN_16_BITS: Final = 126
_LENGTH_IN_64_BITS: Final = 127


class Endable(Protocol):
    """What a connection goes over."""

    def pause_reading(self) -> None:
        """Leave unread what comes."""

    def close(self) -> None:
        """End it, when what was written is out."""

    def abort(self) -> None:
        """End it at once."""


class Connection(Protocol):
    """What every protocol of uvicorn has."""

    @property
    def transport(self) -> Endable:
        """What it goes over."""

    @property
    def client(self) -> tuple[str, int] | None:
        """The other end's address."""


class FeedSocket(WebSocketsSansIOProtocol):
    """
    A WebSocket connection that can be cut or silenced from outside.

    Attributes:
        user_id: Whose subscription it is, once it is one.
        when_lost: Called when the connection is over.
    """

    receive_queue: ClassVar[int] = 32
    """Client messages that may wait unread before the connection stops reading (Q16)."""

    user_id: str | None = None
    when_lost: Callable[[], None] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the connection is over, or ending."""
        return self.disconnected or self.close_sent

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            # uvicorn's HTTP has written them so before, where it was there at first.
            self.scope["headers"] = [(name.lower(), value) for name, value in self.scope["headers"]]
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[SOCKET] = self

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self.disconnected:
            return
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()

    @override
    def send_receive_event_to_app(self) -> None:
        """Go on reading until the queue is full: a close or a pong must be seen behind an unread message."""
        super().send_receive_event_to_app()
        if self.read_paused and self.queue.qsize() <= self.receive_queue:
            self.read_paused = False
            self.transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        self.stop_keepalive()
        self.transport.abort()

    def fall_silent(self) -> None:
        """
        Neither read nor write any more: the path is gone, and neither end is told.

        The keepalive goes on, gets no pong and ends this side (5.6); the socket stays open until `release`.
        """
        if not isinstance(self.transport, _Void):
            self.transport.pause_reading()
            self.transport = cast("asyncio.Transport", _Void(self.transport, self))

    def release(self) -> None:
        """Close the socket of a silent connection; the other end learns of it now."""
        if isinstance(self.transport, _Void):
            self.transport.release()

    def send_raw(self, data: str | bytes) -> None:
        """Send one message as it is."""
        if isinstance(data, str):
            self.conn.send_text(data.encode())
        else:
            self.conn.send_binary(data)
        self.transport.write(b"".join(self.conn.data_to_send()))

    def send_batch(self, texts: Iterable[str]) -> None:
        """Send many text messages with one write, framed here: the library takes most of the time."""
        self.transport.write(b"".join(_frame(text.encode()) for text in texts))


class PatientSocket(FeedSocket):
    """Reads on whatever the client sends (Q16 switched off)."""

    receive_queue = 2**31


def _frame(payload: bytes) -> bytes:
    """An unmasked, final text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < _LENGTH_IN_16_BITS:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, _LENGTH_IN_16_BITS, size) + payload
    return struct.pack("!BBQ", 0x81, _LENGTH_IN_64_BITS, size) + payload


def socket_of(scope: MutableMapping[str, Any]) -> FeedSocket:
    """The connection of a WebSocket's scope."""
    socket: FeedSocket = scope["extensions"][SOCKET]
    return socket


class _Void:
    """A transport whose writes go nowhere, and whose end is known on this side only."""

    def __init__(self, transport: asyncio.Transport, socket: FeedSocket) -> None:
        self._transport = transport
        self._socket = socket
        self._is_closed = False

    def write(self, data: bytes) -> None:
        """Nowhere."""

    def is_closing(self) -> bool:
        """Whether this side has given up."""
        return self._is_closed

    def close(self) -> None:
        """Give up on this side."""
        if not self._is_closed:
            self._is_closed = True
            self._socket.loop.call_soon(self._socket.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """It is."""

    def resume_reading(self) -> None:
        """Never."""

    def release(self) -> None:
        """Close the real socket."""
        self._transport.abort()
