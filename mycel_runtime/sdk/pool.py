"""
The connections of `AsyncClient`, found in no time however many there are.

For each request httpx's pool walks over all of its connections, twice nested: with 50 of them it manages a tenth of
what one connection does. Here the free ones lie on a stack.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from typing_extensions import override

from mycel_runtime.sdk.idle_connections import IdleConnections
from mycel_runtime.sdk.loop_connection import LoopConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.sdk.network import Route


class AsyncPool(httpx.AsyncBaseTransport):
    """
    An httpx transport over one `LoopConnection` for each request at a time.

    Args:
        route: To the backend.
        limits: `max_connections` bounds the connections; `keepalive_expiry` the idle seconds of its own.
        idle: Connections of this route that are shared; `None`: it has its own.
    """

    def __init__(self, route: Route, *, limits: httpx.Limits, idle: IdleConnections | None = None) -> None:
        self._route = route
        self._places = asyncio.Semaphore(limits.max_connections or 1)
        self._idle = IdleConnections(expiry=limits.keepalive_expiry) if idle is None else idle
        self._idle.join()
        self._asking: set[asyncio.Timeout] = set()
        """One for each request that has no response yet."""
        self._answering: set[LoopConnection] = set()
        """Whose response is being read."""
        self._is_closed = False

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request on a free connection, or on a new one.

        Raises:
            ClientUsageError: An earlier request was made on another event loop; nothing was sent.
            httpx.PoolTimeout: None became free within the request's `pool` seconds.
            httpx.ConnectError: The pool was closed before anything was sent.
            httpx.ReadError: The pool was closed meanwhile.

        Cancelling: closes the connection.
        """
        self._idle.check_loop()
        await self._wait_for_place(request)
        connection: LoopConnection | None = None
        try:
            await self._idle.retire()
            connection = self._take(request)
            response = await self._ask(connection, request)
        except BaseException:
            await self.discard(connection)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Returning(response.stream, connection, self)
        self._answering.add(connection)
        return response

    @override
    async def aclose(self) -> None:
        """
        Close all connections, those of calls under way too; these end with an error. What is shared stays for others.

        Cancelling: leaves some open; another `aclose` goes on.
        """
        if not self._is_closed:
            self._is_closed = True
            self._idle.leave()
        while self._asking:
            self._asking.pop().reschedule(0.0)
        await self._idle.aclose()
        for connection in tuple(self._answering):
            await connection.aclose()

    def _take(self, request: httpx.Request) -> LoopConnection:
        """A free connection, or one that will be made."""
        if self._is_closed:
            raise httpx.ConnectError("the client was closed", request=request)
        return self._idle.take() or LoopConnection(self._route)

    async def _ask(self, connection: LoopConnection, request: httpx.Request) -> httpx.Response:
        """
        Its response, or the end of the pool.

        That ends the task's wait from inside: a connection that is being made has nothing yet that could be closed.
        """
        asking = asyncio.timeout(None)
        try:
            async with asking:
                self._asking.add(asking)
                response = await connection.handle_async_request(request)
        except TimeoutError as exc:
            if asking.expired():
                raise _closed_meanwhile(request) from exc
            raise
        finally:
            self._asking.discard(asking)
        if self._is_closed:
            raise _closed_meanwhile(request)
        return response

    async def _wait_for_place(self, request: httpx.Request) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(request.extensions["timeout"].get("pool")):
                await self._places.acquire()
        except TimeoutError as exc:
            raise httpx.PoolTimeout("no connection became free", request=request) from exc

    async def give_back(self, connection: LoopConnection) -> None:
        """Its response was read and closed."""
        if self._is_closed or self._idle.is_spent(connection):
            await self.discard(connection)
            return
        self._answering.discard(connection)
        self._idle.put(connection)
        self._places.release()

    async def discard(self, connection: LoopConnection | None) -> None:
        """Its request failed or was cancelled: whoever got it next would read the rest of that."""
        try:
            if connection is not None:
                self._answering.discard(connection)
                await connection.aclose()
        finally:
            self._places.release()


def _closed_meanwhile(request: httpx.Request) -> httpx.ReadError:
    return httpx.ReadError("the client was closed", request=request)


class _Returning(httpx.AsyncByteStream):
    """A response's stream that gives its connection back when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, connection: LoopConnection, pool: AsyncPool) -> None:
        self._stream = stream
        self._connection = connection
        self._pool = pool
        self._is_closed = False

    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    @override
    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._stream.aclose()
        except BaseException:
            await self._pool.discard(self._connection)
            raise
        await self._pool.give_back(self._connection)
