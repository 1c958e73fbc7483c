"""The listener of a process: opened beside its agents, and tried again while its address is not to be had."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.backoff import half_jitter
from mycel_runtime.daemon.http.connection import CONNECTIONS, BoundedConnection
from mycel_runtime.daemon.http.guard import HEAD_BYTES, Guard
from mycel_runtime.daemon.http.guarded_app import GuardedApp
from mycel_runtime.daemon.http.recent_facts import RecentFacts
from mycel_runtime.daemon.http.routes import EVENTS, OPEN_PATHS, Routes, read_files
from mycel_runtime.daemon.http.samples import SAMPLE_SECONDS
from mycel_runtime.daemon.http.served_agent import ServedAgent
from mycel_runtime.daemon.http.sign_in import SignIn
from mycel_runtime.daemon.quiet_server import QuietServer
from mycel_runtime.daemon.timer import every
from mycel_runtime.observe.facts import HttpFailed, HttpOpened, JobFailed
from mycel_runtime.settings import is_loopback, listen_address, read_http_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.daemon.http.member import Member
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.settings import Settings

_DICE: Final = random.SystemRandom()
_FIRST_SAMPLE_SECONDS: Final = 3.0
"""By then most agents hear."""

_RETRY_BASE: Final = 1.0
_RETRY_CAP: Final = 30.0


class HttpListener:
    """
    Page and probes of the agents of one process.

    Args:
        settings: Of any of them: they have the same section `[http]`.
        observer: Told of what concerns none of them alone.
    """

    def __init__(self, settings: Settings, *, observer: Observer) -> None:
        self._settings = settings
        self._observer = observer
        self._agents: dict[str, ServedAgent] = {}
        self._facts = RecentFacts(time.time)
        self._sign_in = SignIn(partial(read_http_token, settings), time.monotonic)
        read_files()

    def observer_of(self, agent: str) -> Observer:
        """Who is to be told of all that happens to this agent, for the live log."""
        return self._facts.of(agent)

    def add(self, member: Member) -> None:
        """Show this agent too."""
        self._agents[member.agent] = ServedAgent(member)

    def forget(self, agent: str) -> None:
        """Show this agent no more; nothing if it was not shown."""
        self._agents.pop(agent, None)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Answer while the block runs; whatever fails here is told of and tried again, and ends nothing."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve_until(stop), name="http")
            sampling = tasks.create_task(self._take_samples(), name="http-samples")
            try:
                yield
            finally:
                stop.set()
                self._facts.close()
                sampling.cancel()

    async def _serve_until(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                await self._serve(stop)
            except Exception as exc:  # noqa: BLE001 - a page that fails must not take its agents along
                failures += 1
                delay = half_jitter(failures, base=_RETRY_BASE, cap=_RETRY_CAP, draw=_DICE.random())
                self._tell_failure(exc, delay)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay)

    def _tell_failure(self, exc: Exception, delay: float) -> None:
        reason = os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else type(exc).__name__
        self._observer.tell(
            HttpFailed(address=str(self._settings.http.listen), reason=reason, retry_in=round(delay, 1))
        )

    async def _serve(self, stop: asyncio.Event) -> None:
        assert self._settings.http.listen is not None
        host, port = listen_address(self._settings.http.listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=CONNECTIONS) as listening:
            port = listening.getsockname()[1]
            address = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
            server = QuietServer(
                self._app(address),
                http=BoundedConnection,
                h11_max_incomplete_event_size=HEAD_BYTES,
                proxy_headers=False,
                server_header=False,
                backlog=CONNECTIONS,
            )
            self._observer.tell(HttpOpened(address=address))
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(server.serve(sockets=[listening]), name="http-server")
                stopping = tasks.create_task(stop.wait(), name="http-stop")
                await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
                server.should_exit = True
                stopping.cancel()

    def _app(self, address: str) -> GuardedApp:
        routes = Routes(self._agents, sign_in=self._sign_in, facts=self._facts, observer=self._observer)
        return GuardedApp(
            routes.app(),
            guard=Guard(address, self._settings.http.hosts, is_loopback=is_loopback(address)),
            sign_in=self._sign_in,
            open_paths=OPEN_PATHS,
            endless=EVENTS,
            observer=self._observer,
        )

    async def _take_samples(self) -> None:
        await asyncio.sleep(_FIRST_SAMPLE_SECONDS)
        await self._take_sample()
        await every(SAMPLE_SECONDS, self._take_sample)

    async def _take_sample(self) -> None:
        for agent in self._agents.values():
            try:
                await agent.take_sample()
            except Exception as exc:  # noqa: BLE001 - the next one may succeed
                self._observer.tell(JobFailed(job="http-samples", error=type(exc).__name__))
