"""
A server that is made when somebody asks for the first time.

A process may have a thousand agents with a socket each, and most are never asked: until then there is the socket,
which the loop watches.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.control_connection import Answer, ControlConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

GRACE_SECONDS: Final = 1.0
"""For which what has been asked may go on when the end has come."""


class AskedServer:
    """
    Of one socket.

    Args:
        listener: Bound; listens from here on, so that nobody is refused meanwhile.
        make: Makes what answers.
        tasks: Where it does, from the first question until `end`; those who wait for them have called that.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], Answer], tasks: asyncio.TaskGroup) -> None:
        listener.setblocking(False)
        listener.listen()
        self._listener = listener
        self._make = make
        self._tasks = tasks
        self._serving: asyncio.Task[None] | None = None
        self._connections: dict[asyncio.Task[None], ControlConnection] = {}
        self._is_ending = False
        asyncio.get_running_loop().add_reader(listener, self._begin)

    def end(self) -> None:
        """Answer what has been asked, and nothing more; may be called twice, and when the tasks are cancelled."""
        if self._is_ending:
            return
        self._is_ending = True
        loop = asyncio.get_running_loop()
        if self._serving is None:
            loop.remove_reader(self._listener)
        else:
            self._serving.cancel()
        for task, connection in self._connections.items():
            if connection.is_idle:
                task.cancel()
            else:
                loop.call_later(GRACE_SECONDS, task.cancel)

    def _begin(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._serving = self._tasks.create_task(self._serve(), name="control")

    async def _serve(self) -> None:
        answer = self._make()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._take(ControlConnection(reader, writer, answer), writer)

        server = await asyncio.start_unix_server(connected, sock=self._listener)
        try:
            await asyncio.Event().wait()  # Until `end` cancels it.
        finally:
            server.close()

    def _take(self, connection: ControlConnection, writer: asyncio.StreamWriter) -> None:
        if self._is_ending:
            writer.close()
            return
        task = self._tasks.create_task(connection.serve(), name="control-connection")
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
