"""A server on a free loopback port, with a loop and a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading

DEADLINE_SECONDS = 60.0
CHUNK_BYTES = 65_536


class LoopbackServer:
    """
    Serves while it is entered; what it holds open is cut when it is left.

    Args:
        tls: A server's `ssl.SSLContext`, for a server that speaks TLS.
    """

    def __init__(self, *, tls=None):
        self._tls = tls
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        # The loop holds its tasks weakly, and a connection no more whose client has hung up.
        self._conversations = set()
        self.port = 0

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(DEADLINE_SECONDS)
        return self

    def __exit__(self, *exc_info):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive()

    @property
    def base_url(self):
        """Where clients connect to."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def converse(self, reader, writer):
        """One connection, until it ends; an `OSError` or a torn message ends it without a word."""
        raise NotImplementedError

    def _run(self):
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        await cut(server)

    async def _connect(self, reader, writer):
        conversation = asyncio.current_task()
        self._conversations.add(conversation)
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self.converse(reader, writer)
        except asyncio.CancelledError:
            pass  # the server stops; asyncio's streams would print it
        finally:
            self._conversations.discard(conversation)
            writer.transport.abort() if self._stop.is_set() else writer.close()


async def cut(server):
    """
    End everything that the loop has under way, connections that are being accepted just now among it.

    Else what is left is found by the garbage collector during a later test, which is blamed for it.
    """
    loop = asyncio.get_running_loop()
    server.close()
    await asyncio.sleep(0)  # what was accepted before becomes a connection
    # A connection that was accepted meanwhile begins a task of its own.
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for transport in tuple(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0)  # the loop closes the sockets


@contextlib.asynccontextmanager
async def upstream(host, port):
    """Reader and writer of a connection to the server behind."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def tunnel(client, server, quiet_seconds=None):
    """
    Bytes to and fro, until one side ends or nothing has come from either for so long.

    Args:
        client: Reader and writer.
        server: The same of the other side.
        quiet_seconds: None: for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(quiet_seconds) as quiet, asyncio.TaskGroup() as pumps:
            for (reader, _), (_, writer) in ((client, server), (server, client)):
                pumps.create_task(_pump(reader, writer, quiet, quiet_seconds), name="pump")


async def _pump(reader, writer, quiet, quiet_seconds):
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            if quiet_seconds is not None:
                quiet.reschedule(asyncio.get_running_loop().time() + quiet_seconds)
            writer.write(data)
            await writer.drain()
    writer.close()
