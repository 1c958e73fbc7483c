"""Stands before a backend, lets everything through, and takes down which requests pass."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"^([A-Z]+) (/\S*) HTTP/1\.1\r\n", re.MULTILINE)


@contextlib.asynccontextmanager
async def scribe(base_url):
    """The address to use instead, and a counter of the methods that were asked for."""
    address, methods = urlsplit(base_url), Counter()

    async def carry(reader, writer, *, is_asking):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if is_asking:
                    methods.update(method.decode() for method, _ in _REQUEST.findall(data))
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        theirs, ours = await asyncio.open_connection(address.hostname, address.port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(carry(reader, ours, is_asking=True))
            tasks.create_task(carry(theirs, writer, is_asking=False))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", methods
    finally:
        server.close()
