"""The server's end of a stream, on a bare socket: it does only what it is told, so that it can go silent too."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from tests.unit.sdk.wire import Peer


class Upgraded:
    """A connection after the handshake."""

    def __init__(self, peer: Peer, request: bytes) -> None:
        self._peer = peer
        self._protocol = ServerProtocol()
        self._protocol.receive_data(request)
        upgrade, *self._events = self._protocol.events_received()
        assert isinstance(upgrade, Request)
        self._protocol.send_response(self._protocol.accept(upgrade))
        self._flush()

    def say(self, value: Any) -> None:
        """Send a text message: JSON, or a string as it is."""
        text = value if isinstance(value, str) else json.dumps(value)
        self._protocol.send_text(text.encode())
        self._flush()

    def send(self, *frames: Frame) -> None:
        """Send these, as they are and together."""
        self._peer.send(b"".join(frame.serialize(mask=False) for frame in frames))

    def hear(self, seconds: float = 10) -> Any:
        """The client's next message; `None` if it closes or says nothing in that time."""
        self._peer.connection.settimeout(seconds)
        while True:
            for event in self._take_events():
                if event.opcode is Opcode.TEXT:
                    return json.loads(bytes(event.data))
                if event.opcode is Opcode.CLOSE:
                    self._flush()
                    return None
            try:
                data = self._peer.connection.recv(65_536)
            except TimeoutError:
                return None
            if not data:
                return None
            self._protocol.receive_data(data)

    def _take_events(self) -> list[Frame]:
        events = self._events + self._protocol.events_received()
        self._events = []
        return [event for event in events if isinstance(event, Frame)]

    def say_goodbye(self, code: int, reason: str) -> None:
        """Send the close frame, and leave the connection open."""
        self._protocol.send_close(code, reason)
        self._flush()

    def close(self, code: int, reason: str) -> None:
        """Close properly."""
        self.say_goodbye(code, reason)
        self.hear()

    def hang(self) -> None:
        """Answer nothing, not even pings, until the client hangs up."""
        self._peer.wait_for_close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._peer.send(data)
            else:
                self._peer.connection.shutdown(socket.SHUT_WR)


def notify(seq: int) -> dict[str, Any]:
    """A frame."""
    return {"type": "notify", "seq": seq, "fingerprint": "f", "ts": 1.0, "metadata": {"seq": seq}}
