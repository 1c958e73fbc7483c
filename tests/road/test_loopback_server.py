import asyncio
import gc
import socket
import threading
import time

from tests.road.loopback_server import LoopbackServer

DEADLINE = 30.0


class Waiting(LoopbackServer):
    """Waits for ever for what nobody else knows, once its client has hung up."""

    def __init__(self):
        super().__init__()
        self.waits = threading.Event()
        self.is_cancelled = False

    async def converse(self, reader, _):
        await reader.read()
        never = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self.waits.set)
        try:
            await never
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


def test_a_conversation_with_nobody_lives_until_its_server_stops():
    """The loop holds tasks weakly, and a connection that has heard the end no more: it would be found as garbage."""
    with Waiting() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE):
            pass
        assert server.waits.wait(DEADLINE)
        time.sleep(0.05)
        gc.collect()
        assert not server.is_cancelled

    assert server.is_cancelled
