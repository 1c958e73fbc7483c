"""A TCP proxy that behaves badly on request: the network between a client and a backend."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading

from tests.road.loopback_server import CHUNK_BYTES, DEADLINE_SECONDS, LoopbackServer

UPGRADE = b"Upgrade: websocket"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy."""

    def __init__(self, client, server):
        self.writers = (client, server)
        self.flows = asyncio.Event()
        self.flows.set()
        self.is_abandoned = False
        self.is_stream = False

    def close(self):
        """End both sides, as an orderly proxy would."""
        for writer in self.writers:
            writer.close()

    def reset(self):
        """Both sides see a reset."""
        for writer in self.writers:
            with contextlib.suppress(OSError):  # closed already
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def abandon(self):
        """The path is gone: nothing passes any more, and neither side is told."""
        self.is_abandoned = True
        self.flows.clear()


class FaultProxy(LoopbackServer):
    """
    Forwards a port of its own, in a thread of its own. Faults hit the connections that are open.

    All methods may be called from any thread; they have acted when they return.
    """

    def __init__(self, host, port):
        super().__init__()
        self._upstream = (host, port)
        self._links = set()
        self._is_refusing = False
        self._is_gone = False
        self.accepted = 0
        self.accepted_at = []

    def cut(self):
        """Close every connection."""
        self._each(Link.close)

    def reset(self):
        """Reset every connection."""
        self._each(Link.reset)

    def half_open(self):
        """Let every connection go silent for ever; new ones are well."""
        self._each(Link.abandon)

    def block_streams(self):
        """Let what goes through upgraded connections pile up, for ever; everything else is well."""
        self._do(lambda: [link.abandon() for link in self._links if link.is_stream])

    def stall(self, seconds):
        """Hold everything back for a while; then it all comes at once."""

        def stall():
            held = [link for link in self._links if not link.is_abandoned]
            for link in held:
                link.flows.clear()
            self._loop.call_later(seconds, self._go_on, held)

        self._do(stall)

    def refuse(self, seconds):
        """Reset every connection, and new ones at once, for a while."""

        def refuse():
            self._is_refusing = True
            self._loop.call_later(seconds, self._accept_again)
            for link in tuple(self._links):
                link.reset()

        self._do(refuse)

    def vanish(self):
        """The path is gone, for what is open and what is opened from now on, until `appear`."""

        def vanish():
            self._is_gone = True
            for link in self._links:
                link.abandon()

        self._do(vanish)

    def appear(self):
        """New connections are well; those of before are not known here any more."""

        def appear():
            self._is_gone = False
            for link in tuple(self._links):
                if link.is_abandoned:
                    link.reset()

        self._do(appear)

    def _accept_again(self):
        self._is_refusing = False

    @staticmethod
    def _go_on(links):
        for link in links:
            if not link.is_abandoned:
                link.flows.set()

    def _each(self, act):
        def run():
            for link in tuple(self._links):
                act(link)

        self._do(run)

    def _do(self, act):
        done = threading.Event()

        def run():
            try:
                act()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(DEADLINE_SECONDS)

    async def _reach(self):
        return await asyncio.open_connection(*self._upstream)

    async def converse(self, reader, writer):
        """One connection, to the server behind and back."""
        self.accepted += 1
        self.accepted_at.append(self._loop.time())
        try:
            if self._is_refusing:
                raise ConnectionRefusedError
            server_reader, server_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, server_writer)
        self._links.add(link)
        if self._is_gone:
            link.abandon()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, server_writer, link))
                tasks.create_task(_pump(server_reader, writer, link))
        finally:
            self._links.discard(link)
            link.reset()


async def _pump(reader, writer, link):
    try:
        while data := await reader.read(CHUNK_BYTES):
            link.is_stream = link.is_stream or UPGRADE in data
            await link.flows.wait()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one of the two is gone; the other one is told so below
    await link.flows.wait()
    link.close()
