"""A backend to start and stop: in a thread of its own, or in the caller's loop."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.host import Host
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.service import Post
from mycel_runtime.backend.storage import MemoryStorage
from mycel_runtime.errors import ConfigError, ControlError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType


__all__ = ["BackendOptions", "LocalBackend", "Quirks", "serve"]

START_SECONDS: Final = 30.0
IN_MEMORY: Final = BackendOptions()


class LocalBackend:
    """
    A backend in a thread of its own with an event loop of its own: its blocking SQLite never touches the caller's.

    All methods may be called from any one thread. Used as a context manager it starts and stops.

    Attributes:
        faults: What goes wrong on purpose.
        post: The one-time passwords that were sent.
        port: The real one, once it started; a later start takes it again.
    """

    def __init__(self, options: BackendOptions = IN_MEMORY) -> None:
        self.options = options
        self.faults = Faults()
        self.post = Post()
        self.port = options.port
        self._host: Host | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._memory = MemoryStorage(options.rules) if options.database is None else None

    @property
    def base_url(self) -> str:
        """Where it listens; of use once it started."""
        return self.options.url(self.port)

    def start(self) -> None:
        """
        Return when connections are accepted.

        Raises:
            ConfigError: The port is in use, or the database cannot be used.
        DatabaseHeldError: Another backend serves from the database.
        """
        self._started.clear()
        options = dataclasses.replace(self.options, port=self.port)
        self._host = Host(options, self.faults, self.post, self._started.set, self._memory)
        self.port = self._host.port
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._run(self._host),), name="mycel-backend", daemon=True
        )
        self._thread.start()
        self._wait_started()

    def stop(self) -> None:
        """End, with open WebSockets too, within about two seconds; data in memory waits for the next start."""
        if self._host is None or self._thread is None or self._loop is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._host.stop)
        self._thread.join()
        self._host = self._thread = self._loop = None

    def restart(self) -> None:
        """A new life on the same port with the same data: frames are numbered from 1 again (Q1)."""
        if self._host is None or self._loop is None:
            self.start()
            return
        self._started.clear()
        self._loop.call_soon_threadsafe(self._host.restart)
        self._wait_started()

    def ask(self, verb: str, /, **arguments: Any) -> Any:
        """
        Use one of the owner's tools, `operator.VERBS`, for example `ask("add_user", email=…, password=…)`.

        Raises:
            ControlError: It makes no sense, or the world refuses it.
        """
        return self._order(verb, arguments).result(START_SECONDS)

    def _order(self, verb: str, arguments: dict[str, Any]) -> Future[object]:
        host, loop = self._host, self._loop
        if host is None or loop is None:
            raise ControlError("the backend is not running")

        async def obey() -> object:
            return host.obey(verb, arguments)

        return asyncio.run_coroutine_threadsafe(obey(), loop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _run(self, host: Host) -> None:
        self._loop = asyncio.get_running_loop()
        await host.run()

    def _wait_started(self) -> None:
        if not self._started.wait(START_SECONDS):
            raise ConfigError("the backend does not start", where=self.base_url)


async def serve(
    options: BackendOptions,
    *,
    started: Callable[[str], None],
    stop: asyncio.Event,
    mailed: Callable[[str, str], None] | None = None,
) -> None:
    """
    Serve in this loop until `stop` is set.

    Args:
        options: What to serve.
        started: Called with the base URL once connections are accepted; again after a restart.
        stop: Ends it.
        mailed: Told address and code of a one-time password.

    Raises:
        ConfigError: The port is in use, or the database cannot be used.
        DatabaseHeldError: Another backend serves from the database.

    Cancelling: Closes everything at once.
    """
    host = Host(options, Faults(), Post(mailed), lambda: started(options.url(host.port)))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(host.run(), name="backend")
            await stop.wait()
            host.stop()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
