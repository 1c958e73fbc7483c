"""Lives of a backend, one after the other, on one port and one storage."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from typing_extensions import override

from mycel_runtime.backend import control
from mycel_runtime.backend.door import Door
from mycel_runtime.backend.gate import Gate
from mycel_runtime.backend.http.app import build_app
from mycel_runtime.backend.http.fast_path import answer_ordinary
from mycel_runtime.backend.live_faults import LoopFaults
from mycel_runtime.backend.options import place
from mycel_runtime.backend.service import Post, Service
from mycel_runtime.backend.sockets import FeedSocket, PatientSocket
from mycel_runtime.backend.storage import MemoryStorage, SqliteStorage, Storage
from mycel_runtime.errors import ConfigError, ControlError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from fastapi import Response
    from starlette.types import Scope

    from mycel_runtime.backend.door import Shortcut
    from mycel_runtime.backend.door_exchange import Asked
    from mycel_runtime.backend.faults import Faults
    from mycel_runtime.backend.options import BackendOptions
    from mycel_runtime.backend.sockets import Connection
    from mycel_runtime.backend.world.inbox import Streams

GRACE_SECONDS: Final = 1
"""For requests under way when a life ends."""

FLUSH_SECONDS: Final = 0.01
"""For last words on their way out."""

BACKLOG: Final = 2048


class Host:
    """
    Owns port and storage; gives them to one life after the other.

    Args:
        options: What to serve.
        faults: The script of trouble; outlives a life.
        post: Where one-time passwords go.
        started: Called, in the loop, when a life accepts connections.
        memory: The storage to use without a database; else a new one.

    Raises:
        ConfigError: The port is in use, or the database cannot be used.
        DatabaseHeldError: Another backend serves from the database.
    """

    def __init__(
        self,
        options: BackendOptions,
        faults: Faults,
        post: Post,
        started: Callable[[], None],
        memory: MemoryStorage | None = None,
    ) -> None:
        self._options = options
        self._faults = faults
        self._post = post
        self._started = started
        self._streams: Streams | None = None
        self._server: _Server | None = None
        self._service: Service | None = None
        self._is_over = False
        self._storage: Storage = memory or _open_storage(options)
        try:
            self._listener = _bind(options.host, options.port)
        except ConfigError:
            self._storage.close()
            raise
        self.port: int = self._listener.getsockname()[1]

    @property
    def door(self) -> Door | None:
        """Into the present life; `None` between two."""
        door = None if self._server is None else self._server.door
        return None if door is None or door.is_shut else door

    async def run(self) -> None:
        """Serve until `stop`; every `restart` begins a new life."""
        try:
            await self._live()
            while not self._is_over:
                self._listener = _bind(self._options.host, self.port)
                self._reopen()
                await self._live()
        finally:
            self._listener.close()
            self._storage.close()

    def restart(self) -> None:
        """End this life and begin another: frames are numbered from 1 again (Q1). In the loop's thread."""
        if self._server is not None:
            self._server.stop()

    def stop(self) -> None:
        """End within about `GRACE_SECONDS`. In the loop's thread."""
        self._is_over = True
        self.restart()

    def obey(self, verb: str, arguments: dict[str, Any]) -> object:
        """
        Carry out one of the owner's orders. In the loop's thread.

        Raises:
            ControlError: It makes no sense, or the world refuses it.
        """
        if self._service is None:
            raise ControlError("the backend has not started")
        return control.obey(self._service, verb, arguments)

    async def _live(self) -> None:
        options = self._options
        service = Service(
            self._storage, self._faults, self._streams, self._post, options.clock, options.on_talk
        )
        self._service = service
        if not service.quirks.numbers_restart:
            self._streams = service.streams
        server = self._server = _Server(_configure(service, options), service, self._started)
        connections = cast("set[Connection]", server.server_state.connections)
        server.config.loaded_app = Gate(server.config.loaded_app, self._faults, connections)
        self._faults.attach(LoopFaults(service, connections, self.restart))
        try:
            async with self._controlled(service), asyncio.TaskGroup() as tasks:
                server.open_door(tasks, self._shortcut)
                await server.serve(sockets=[self._listener])
        finally:
            self._faults.attach(None)

    def _shortcut(self, asked: Asked, scope: Scope) -> Coroutine[Any, Any, Response] | None:
        """Past gate and application, while no fault is ordered that the gate would have."""
        if self._service is None or self._faults.is_armed:
            return None
        return answer_ordinary(self._service, asked, scope)

    def _controlled(self, service: Service) -> contextlib.AbstractAsyncContextManager[None]:
        path = self._options.control_socket
        if path is None:
            return contextlib.nullcontext()
        return control.listening(control.socket_path(path, self.port), service)

    def _reopen(self) -> None:
        """What is in memory stays; a file is read again."""
        if isinstance(self._storage, SqliteStorage):
            self._storage.close()
            self._storage = _open_storage(self._options)


class _Server(uvicorn.Server):
    """Leaves signals to the caller, says when it listens, and stops without a wait."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._tell_started = started
        self._stop = asyncio.Event()
        self.door: Door | None = None

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def open_door(self, tasks: asyncio.TaskGroup, shortcut: Shortcut) -> None:
        """For those who come in without a socket, as long as these tasks live."""
        self.door = Door(self, tasks, shortcut)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()

    @override
    async def main_loop(self) -> None:
        """Renew the date header once a second; the base class looks ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        End in three steps, each without the base class's waits of a tenth of a second.

        Connections are told: WebSockets 1012, idle ones are closed. Subscriptions end, zombies too (the real
        server hangs on them, Q50), and requests under way have `GRACE_SECONDS`. What is left is cut.
        """
        if self.door is not None:
            self.door.shut()
        await self._stop_accepting()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        self._service.end_subscriptions()
        tasks = tuple(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        for task in tasks:
            task.cancel()
        if self.server_state.connections:
            await asyncio.sleep(FLUSH_SECONDS)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        for socket_ in self._service.silenced:
            socket_.release()
        await asyncio.sleep(0)

    async def _stop_accepting(self) -> None:
        """
        Close the listeners, once all that they have accepted are connections of which uvicorn knows.

        That takes two passes of the loop. asyncio forgets, and leaves open, what a listener has accepted if it is
        closed before the next pass; the client would wait for ever.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener)
        for _ in range(2):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()

    def stop(self) -> None:
        """End soon; before the start too."""
        self.should_exit = True
        self._stop.set()


def _configure(service: Service, options: BackendOptions) -> uvicorn.Config:
    config = uvicorn.Config(
        build_app(service),
        log_config=None,
        log_level=logging.CRITICAL + 1,
        access_log=False,
        lifespan="off",
        http="httptools",
        loop="asyncio",
        ws=FeedSocket if options.quirks.unread_messages_kill else PatientSocket,
        ws_per_message_deflate=False,
        ws_ping_interval=options.ping_interval_seconds,
        ws_ping_timeout=options.ping_timeout_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    config.load()
    return config


def _open_storage(options: BackendOptions) -> Storage:
    database: Path | None = options.database
    return MemoryStorage(options.rules) if database is None else SqliteStorage(database, options.rules)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio switches Nagle's algorithm off only for sockets that say TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise ConfigError(
            f"cannot listen there: {exc.strerror or exc}",
            where=place(host, port),
            fix="Name another port, or 0 for any free one.",
        ) from exc
    return listener
