"""
A server that is made when somebody asks for the first time.

A process may have a thousand agents with a socket each, and most are never asked: until then there is the socket,
which the loop watches.
"""

from __future__ import annotations

import asyncio
import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from mycel_runtime.daemon.control_connection import Answer, ControlConnection

GRACE_SECONDS: Final = 1.0
"""For which what has been asked may go on when the end has come."""

_IMPORT_SECONDS: Final = 1.0
"""Until an import is tried again that has failed."""


async def import_connection() -> type[ControlConnection]:
    """
    What speaks HTTP; with its library a fortieth of a start, and nobody asks a daemon before it is ready.

    As soon as it is, so that what is imported is of the version that runs. It fails where no file can be opened for
    the moment, and is tried again: that is no reason for an agent to end.

    Cancelling: a thread ends the import.
    """
    while True:
        with contextlib.suppress(ImportError, OSError):
            module = await asyncio.to_thread(import_module, "mycel_runtime.daemon.control_connection")
            kind: type[ControlConnection] = module.ControlConnection
            return kind
        await asyncio.sleep(_IMPORT_SECONDS)


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
        answer, kind = self._make(), await import_connection()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._take(kind(reader, writer, answer), writer)

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
