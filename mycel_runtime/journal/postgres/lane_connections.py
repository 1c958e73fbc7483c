"""
The connections over which procrastinate works: a few and one that listens, whatever number of agents a process has.

All agents of a process share them. Whoever begins anew is given fresh ones: a pool that has lost all of its
connections comes back by itself, but only after pauses that grow while the database is away.

A statement of procrastinate's is a transaction by itself, and its pool would send three messages beside it, each of
which is waited for: is the connection well, BEGIN, COMMIT. So they commit by themselves, and one that was well a
moment ago is not asked again; if it is lost by then, whoever uses it begins anew.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, Generic, LiteralString, Protocol, TypeVar

import procrastinate
import psycopg
from procrastinate import exceptions
from psycopg_pool import AsyncConnectionPool
from typing_extensions import override

from mycel_runtime.journal.postgres.connections import LINK_OPTIONS
from mycel_runtime.journal.postgres.lane_listening import LaneListening
from mycel_runtime.journal.postgres.lane_schema import with_lane_schema
from mycel_runtime.journal.postgres.passwords import PASSWORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from procrastinate.connector import Notify

LANE_POOL_SIZE: Final = 3
"""Connections of a process to one database at most, beside the one that listens. Each is held for a statement."""

_WAIT_SECONDS: Final = 5.0
"""For one of them."""

_SOUND_SECONDS: Final = 5.0
"""For which one that was well is taken to be."""


class LaneCallsLostError(Exception):
    """A connection has ended, or the worker: what was begun with it is begun anew."""


class LaneConnector(procrastinate.PsycopgConnector):
    """
    Of one agent, to the schema of jobs; it tells when a connection is lost.

    Args:
        url: libpq's.
    """

    def __init__(self, url: str) -> None:
        self._address = with_lane_schema(PASSWORDS.current(url))
        super().__init__(conninfo=self._address)
        self._lost = asyncio.Event()
        self._pool: AsyncConnectionPool[Any] | None = None

    async def wait_lost(self) -> None:
        """
        Until a connection is lost.

        Raises:
            LaneCallsLostError: It is.
        """
        await self._lost.wait()
        raise LaneCallsLostError("connection lost")

    @override
    async def open_async(self, pool: AsyncConnectionPool | None = None) -> None:
        """With those that the process has."""
        self._pool = await _POOLS.take(self._address)
        await super().open_async(self._pool)

    @override
    async def close_async(self) -> None:
        """They are closed with the last one that uses them."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await _POOLS.leave(self._address, pool)

    @override
    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """For ever: a worker whose listening has ended does not say so."""
        listening = await _LISTENINGS.take(self._address)
        try:
            await listening.hear(on_notification, channels)
        finally:
            self._lost.set()
            await _LISTENINGS.leave(self._address, listening)

    @override
    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """
        What nobody asks the outcome of: that a job has ended, that a worker lives.

        A job that others have removed meanwhile has ended, too. If the connection is lost, all is begun anew, and the
        job is removed as one of a worker that is no more.
        """
        try:
            await super().execute_query_async(query, **arguments)
        except exceptions.ConnectorException as exc:
            if not isinstance(exc.__cause__, psycopg.errors.RaiseException):
                self._lost.set()


class _LaneConnection(psycopg.AsyncConnection[Any]):
    """One of a pool."""

    sound_until = 0.0

    async def require_sound(self) -> None:
        """
        Ask it whether it is well, unless it has just said so.

        Raises:
            psycopg.OperationalError: It is lost.
        """
        if time.monotonic() >= self.sound_until:
            await AsyncConnectionPool.check_connection(self)
            self.sound_until = time.monotonic() + _SOUND_SECONDS

    async def commit_by_itself(self) -> None:
        """Each statement is a transaction."""
        await self.set_autocommit(True)


class _Opened(Protocol):
    """What is shared."""

    async def open(self) -> None:
        """Once more does nothing."""

    async def close(self) -> None:
        """Nobody uses it any more."""


T = TypeVar("T", bound=_Opened)


class _Shared(Generic[T]):
    """
    Of this process, by loop and address, with how many use each; of each the newest one is given away.

    Args:
        make: One to an address.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._newest: dict[tuple[asyncio.AbstractEventLoop, str], T] = {}
        self._users: dict[T, int] = {}

    async def take(self, address: str) -> T:
        """To be given up by `leave`; it connects by itself."""
        key = (asyncio.get_running_loop(), address)
        taken = self._newest.get(key)
        if taken is None:
            taken = self._newest[key] = self._make(address)
        self._users[taken] = self._users.get(taken, 0) + 1
        try:
            await taken.open()
        except BaseException:
            await self.leave(address, taken)
            raise
        return taken

    async def leave(self, address: str, taken: T) -> None:
        """One who took it needs it no more, and nobody else is given it: it may have been lost."""
        key = (asyncio.get_running_loop(), address)
        if self._newest.get(key) is taken:
            del self._newest[key]
        self._users[taken] -= 1
        if not self._users[taken]:
            del self._users[taken]
            await taken.close()


def _pool_of(address: str) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        address,
        connection_class=_LaneConnection,
        kwargs=dict(LINK_OPTIONS),
        min_size=1,
        max_size=LANE_POOL_SIZE,
        timeout=_WAIT_SECONDS,
        open=False,
        configure=_LaneConnection.commit_by_itself,
        check=_LaneConnection.require_sound,
    )


_POOLS: Final = _Shared[AsyncConnectionPool[Any]](_pool_of)

_LISTENINGS: Final = _Shared[LaneListening](LaneListening)
