"""
A server that is made when somebody asks for the first time.

A process may have a thousand agents with a socket each, and most are never asked: until then there is the socket and
a task that waits.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon.quiet_server import RestingServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class AskedServer:
    """
    Of one socket.

    Args:
        listener: Bound; listens from here on, so that nobody is refused meanwhile.
        make: The application that answers.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], Any]) -> None:
        listener.setblocking(False)
        listener.listen()
        self._listener = listener
        self._make = make
        self._server: RestingServer | None = None
        self._awaited = asyncio.Event()
        self._is_ending = False

    async def serve(self) -> None:
        """
        Answer until `end`.

        Cancelling: nothing is listened to any more.
        """
        await self._wait_asked()
        if not self._is_ending:
            self._server = RestingServer(self._make())
            await self._server.serve(sockets=[self._listener])

    def end(self) -> None:
        """Answer what has been asked, and nothing more."""
        self._is_ending = True
        self._awaited.set()
        if self._server is not None:
            self._server.end()

    async def _wait_asked(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener, self._awaited.set)
        try:
            await self._awaited.wait()
        finally:
            loop.remove_reader(self._listener)
