"""
A server that is made when somebody asks for the first time.

A process may have a thousand agents with a socket each, and most are never asked: until then there is the socket,
which the loop watches.
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
        tasks: Where it does, from the first question until `end`; those who wait for them have called that.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], Any], tasks: asyncio.TaskGroup) -> None:
        listener.setblocking(False)
        listener.listen()
        self._listener = listener
        self._make = make
        self._tasks = tasks
        self._server: RestingServer | None = None
        self._is_ending = False
        asyncio.get_running_loop().add_reader(listener, self._begin)

    def end(self) -> None:
        """Answer what has been asked, and nothing more; may be called when the tasks have been cancelled."""
        self._is_ending = True
        if self._server is None:
            asyncio.get_running_loop().remove_reader(self._listener)
        else:
            self._server.end()

    def _begin(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._tasks.create_task(self._serve(), name="control")

    async def _serve(self) -> None:
        if not self._is_ending:
            self._server = RestingServer(self._make())
            await self._server.serve(sockets=[self._listener])
