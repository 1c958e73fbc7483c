"""Binds both faces to a port, in a thread of its own or in the caller's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self, cast

import uvicorn
from typing_extensions import override

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.gate import Gate
from mycel_runtime.backend.http.app import build_app
from mycel_runtime.backend.quirks import Quirks, Rules
from mycel_runtime.backend.service import Post, Service
from mycel_runtime.backend.sockets import FeedSocket, PatientSocket
from mycel_runtime.backend.stage import LoopStage
from mycel_runtime.backend.storage import MemoryStorage, SqliteStorage, Storage
from mycel_runtime.errors import ConfigError
from mycel_runtime.wire.limits import PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from fastapi import FastAPI

    from mycel_runtime.backend.sockets import Connection
    from mycel_runtime.backend.world.inbox import Streams

GRACE_SECONDS: Final = 1
"""For requests under way when the backend stops."""

START_SECONDS: Final = 30.0
BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """
    What a backend is like.

    Attributes:
        database: The SQLite file; `None` keeps everything in memory.
        port: 0 for one that the system chooses.
        generation: Which server is played: the last public one (`a`) or the newest (`b`).
        caught_up: Whose caught-up rule and cursor hold; `None` for the generation's own (contract U6).
        profile: Everything, or what the communication profile serves (contract 2.12).
        control_socket: Where faults and owner's tools are taken from other processes.
    """

    database: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    generation: Literal["a", "b"] = "b"
    profile: Literal["full", "communication"] = "full"
    quirks: Quirks = field(default_factory=Quirks)
    caught_up: Literal["a", "b"] | None = None
    control_socket: Path | None = None

    @property
    def rules(self) -> Rules:
        """What the world needs to know of this."""
        return Rules(
            quirks=self.quirks,
            generation=self.generation,
            caught_up=self.caught_up,
            is_full=self.profile == "full",
        )


class _Server(uvicorn.Server):
    """Leaves signals to the caller, says when it listens, and stops without a wait."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._tell_started = started
        self._stop = asyncio.Event()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

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
        """Open WebSockets are told 1012 first; then their subscriptions end, zombies too (not so in Q50)."""
        asyncio.get_running_loop().call_soon(self._service.end_subscriptions)
        await super().shutdown(sockets)

    def stop(self) -> None:
        """End within about `GRACE_SECONDS`; from the loop's own thread."""
        self.should_exit = True
        self._stop.set()


class _Life:
    """One start of a backend: from bound socket to last answer; numbers of frames live as long (Q1)."""

    def __init__(
        self, options: BackendOptions, service: Service, listener: socket.socket, started: Callable[[], None]
    ) -> None:
        self._service = service
        self._listener = listener
        app = build_app(service)
        self.server = _Server(_configure(app, options), service, started)
        connections = cast("set[Connection]", self.server.server_state.connections)
        self.server.config.loaded_app = Gate(app, service.faults, connections)
        self._connections = connections
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Serve until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._service.faults.attach(LoopStage(self._service, self._connections))
        try:
            await self.server.serve(sockets=[self._listener])
        finally:
            self._service.faults.attach(None)

    def stop(self) -> None:
        """End within about `GRACE_SECONDS`; from any thread, once it runs."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.server.stop)


class LocalBackend:
    """
    A backend in a thread of its own with an event loop of its own: its blocking SQLite never touches the caller's.

    All methods may be called from any one thread. Used as a context manager it starts and stops.
    """

    def __init__(self, options: BackendOptions = BackendOptions()) -> None:
        self.options = options
        self.faults = Faults()
        self.post = Post()
        self.port = options.port
        self._storage: Storage | None = None
        self._thread: threading.Thread | None = None
        self._life: _Life | None = None
        self._streams: Streams | None = None

    @property
    def base_url(self) -> str:
        """Where it listens; of use once it started."""
        return f"http://{self.options.host}:{self.port}"

    def start(self) -> None:
        """
        Return when connections are accepted.

        Raises:
            ConfigError: The port is in use, or the database cannot be used.
        """
        started = threading.Event()
        listener = _bind(self.options.host, self.port)
        self.port = listener.getsockname()[1]
        try:
            self._storage = self._storage or _open_storage(self.options)
            service = Service(self._storage, self.faults, self._streams, self.post)
            self._life = _Life(self.options, service, listener, started.set)
        except BaseException:
            listener.close()
            raise
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._life.run(),), name="mycel-backend", daemon=True
        )
        self._thread.start()
        started.wait(START_SECONDS)
        self._streams = None if self.options.quirks.numbers_restart else service.streams

    def stop(self) -> None:
        """End, with open WebSockets too, within about two seconds. Data in memory stays for the next start."""
        if self._life is None or self._thread is None:
            return
        self._life.stop()
        self._thread.join()
        self._life = self._thread = None
        if self._storage is not None and self.options.database is not None:
            self._storage.close()
            self._storage = None

    def restart(self) -> None:
        """A new life on the same port with the same data: frames are numbered from 1 again (Q1)."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def serve(options: BackendOptions, *, started: Callable[[str], None], stop: asyncio.Event) -> None:
    """
    Serve in this loop until `stop` is set.

    Args:
        options: What to serve.
        started: Called with the base URL once connections are accepted.
        stop: Ends it.

    Raises:
        ConfigError: The port is in use, or the database cannot be used.

    Cancelling: Closes everything at once.
    """
    listener = _bind(options.host, options.port)
    with contextlib.closing(listener), contextlib.closing(_open_storage(options)) as storage:
        base_url = f"http://{options.host}:{listener.getsockname()[1]}"
        life = _Life(options, Service(storage, Faults()), listener, lambda: started(base_url))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(life.run(), name="backend")
            await stop.wait()
            life.stop()


def _configure(app: FastAPI, options: BackendOptions) -> uvicorn.Config:
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="asyncio",
        ws=FeedSocket if options.quirks.unread_messages_kill else PatientSocket,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL_SECONDS,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    config.load()
    return config


def _open_storage(options: BackendOptions) -> Storage:
    if options.database is None:
        return MemoryStorage(options.rules)
    return SqliteStorage(options.database, options.rules)


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
            where=f"{host}:{port}",
            fix="Name another port, or 0 for any free one.",
        ) from exc
    return listener
