"""A proxy between a runtime and its backend that kills the runtime at a named point of an exchange."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal

SEND = re.compile(rb"POST /api/chats/[^/]+/messages HTTP")
READ = re.compile(rb"POST /api/chats/[^/]+/messages/read HTTP")
HISTORY = re.compile(rb"GET /api/chats/[^/]+/messages[? ]")
OUTER = ("out", "forwarded", "stored", "torn", "read")
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"


class Tollgate:
    """
    Relays HTTP/1.1 with keep-alive. `arm` says whom to kill, where, and at which passing.

    Of more than one process on an identity each has a gate of its own.

    Points: `out` (bytes out, the server never gets them), `forwarded` (the server gets them, the answer goes
    nowhere), `stored` (the answer is here and is not passed on), `torn` (half of the answer is), and `read` (the
    server has moved its cursor, the answer is not passed on).
    """

    def __init__(self, port):
        self._upstream = port
        self._server = None
        self._relays = set()
        self.point = ""
        self.left = 0
        self.pid = None
        self.means = signal.SIGKILL

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def arm(self, point="", nth=1):
        self.point, self.left, self.pid = point, nth, None

    def _strikes(self, request):
        wanted = READ if self.point == "read" else SEND
        if not self.point or not wanted.match(request):
            return ""
        self.left -= 1
        return self.point if self.left == 0 else ""

    def _kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, self.means)

    async def _relay(self, reader, writer):
        """One connection; ends with the gate at the latest, and leaves nothing open."""
        self._relays.add(asyncio.current_task())
        with contextlib.closing(writer):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
            with (
                contextlib.closing(up_writer),
                # Cancelled when the gate closes: asyncio's streams would print it.
                contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError),
            ):
                while await self._exchange(reader, writer, up_reader, up_writer):
                    pass

    async def _exchange(self, reader, writer, up_reader, up_writer):
        return await self._pass(await message_from(reader), writer, up_reader, up_writer)

    async def _pass(self, request, writer, up_reader, up_writer):
        """Whether the connection goes on."""
        point = self._strikes(request)
        if point == "out":
            self._kill()
            return False
        up_writer.write(request)
        await up_writer.drain()
        if point == "forwarded":
            self._kill()
        answer = await message_from(up_reader)
        if point in {"stored", "read"}:
            self._kill()
        if point == "torn":
            writer.write(answer[: len(answer) // 2])
            await writer.drain()
            self._kill()
        if point:
            return False
        writer.write(answer)
        await writer.drain()
        return True


async def message_from(reader):
    """One request or answer, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
