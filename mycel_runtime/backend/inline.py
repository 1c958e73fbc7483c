"""A backend in the loop of its caller, who needs no sockets to get to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, Self

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.host import Host
from mycel_runtime.backend.service import Post
from mycel_runtime.backend.storage import MemoryStorage
from mycel_runtime.errors import ControlError

if TYPE_CHECKING:
    from types import TracebackType

    from mycel_runtime.backend.door import Door
    from mycel_runtime.backend.options import BackendOptions


class InlineBackend:
    """
    A backend in the caller's loop; an asynchronous context manager. It listens, too, for who is elsewhere.

    Whoever keeps the loop keeps the backend. Its storage is in memory: one that is in a file blocks.

    Attributes:
        faults: What goes wrong on purpose.
    """

    def __init__(self, options: BackendOptions) -> None:
        self._options = options
        self.faults = Faults()
        self._stack = contextlib.AsyncExitStack()
        self._host: Host | None = None

    async def __aenter__(self) -> Self:
        started = asyncio.Event()
        memory = MemoryStorage(self._options.rules)
        host = self._host = Host(self._options, self.faults, Post(), started.set, memory)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._stack.callback(host.stop)
        tasks.create_task(host.run(), name="backend")
        await started.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return self._options.url(self._running.port)

    @property
    def door(self) -> Door | None:
        """The way in without a socket; `None` while it is restarted, and after its end."""
        return None if self._host is None else self._host.door

    def stream(self) -> socket.socket:
        """
        One end of a new WebSocket connection, before its handshake; its own while nobody listens there.

        It is the caller's to close.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        if (door := self.door) is None:
            theirs.close()
        else:
            door.accept(theirs)
        return ours

    def ask(self, verb: str, /, **arguments: Any) -> Any:
        """
        Use one of the owner's tools, `operator.VERBS`.

        Raises:
            ControlError: It makes no sense, or the world refuses it.
        """
        return self._running.obey(verb, arguments)

    @property
    def _running(self) -> Host:
        if self._host is None:
            raise ControlError("the backend is not running")
        return self._host
