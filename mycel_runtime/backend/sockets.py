"""
uvicorn's connections, with handles for trouble: abort, fall silent, and a receive queue of the real size.

They rest on uvicorn's internals, which is why they are all in this one module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio

    from websockets.http11 import Request

RECEIVE_QUEUE: Final = 32
"""Client messages that may wait unread before the connection stops reading (Q16)."""


class Connection(Protocol):
    """What every protocol of uvicorn has."""

    transport: asyncio.Transport
    client: tuple[str, int] | None


class FeedSocket(WebSocketsSansIOProtocol):
    """A WebSocket connection that can be cut or silenced from outside."""

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["extensions"]["mycel.socket"] = cast("dict[object, object]", self)

    @override
    def send_receive_event_to_app(self) -> None:
        """Go on reading until the queue is full: a close or a pong must be seen behind an unread message."""
        super().send_receive_event_to_app()
        if self.read_paused and self.queue.qsize() < RECEIVE_QUEUE:
            self.read_paused = False
            self.transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        self.stop_keepalive()
        self.transport.abort()

    def fall_silent(self) -> None:
        """Neither read nor write any more, and never close: the path is gone, the socket is not."""
        self.stop_keepalive()
        self.transport.pause_reading()
        self.transport = cast("asyncio.Transport", _Void(self.transport))


class _Void:
    """A transport whose writes go nowhere."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Nowhere."""

    def is_closing(self) -> bool:
        """Whether the connection is over; it is not."""
        return False

    def close(self) -> None:
        """Only at shutdown."""
        self._transport.abort()

    abort = close

    def pause_reading(self) -> None:
        """It is."""

    def resume_reading(self) -> None:
        """Never."""
