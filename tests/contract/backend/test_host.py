"""A life of a backend leaves nothing behind when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket

import pytest

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.host import Host
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.backend.service import Post


@pytest.mark.parametrize("passes", range(8))
async def test_a_connection_that_comes_as_a_life_ends_is_closed(passes):
    """Whichever pass of the loop accepts it: that in which the listener is closed is one of these."""
    has_started = asyncio.Event()
    host = Host(BackendOptions(), Faults(), Post(), has_started.set)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(host.run(), name="backend")
        await has_started.wait()
        host.stop()
        for _ in range(passes):
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError), socket.socket() as client:
            client.connect(("127.0.0.1", host.port))
            client.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
    gc.collect()
