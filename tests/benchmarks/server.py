"""
The benchmark's server, as a process of its own: answers every request with the same JSON, as fast as asyncio can.

    python -m tests.benchmarks.server [certificate key]

prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from typing import Final

from typing_extensions import override

BODY: Final = (
    b'{"id":"bot-1","name":"Bot","type":"external",'
    b'"email":null,"mycel_id":null,"is_guest":false,"avatar":null}'
)
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
ANSWER: Final = _HEAD % len(BODY) + BODY
_CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answering(asyncio.Protocol):
    """One connection; requests come one after the other, each perhaps in pieces."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _CONTENT_LENGTH.search(self._received, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            assert self._transport is not None
            self._transport.write(ANSWER)


async def serve(certificate: str | None, key: str | None) -> None:
    """Serve until the standard input ends."""
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, ssl=tls, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(*(sys.argv[1:3] or (None, None))))
