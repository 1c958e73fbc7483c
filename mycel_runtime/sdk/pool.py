"""
The connections of `AsyncClient`, found in no time however many there are.

For each request httpx's pool walks over all of its connections, twice nested: with 50 of them it manages a tenth of
what one connection does. Here the free ones lie on a stack.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
from typing_extensions import override

from mycel_runtime.sdk.loop_connection import LoopConnection
from mycel_runtime.sdk.transport import ClientUsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.sdk.network import Route


class AsyncPool(httpx.AsyncBaseTransport):
    """
    An httpx transport over one `LoopConnection` for each request at a time.

    Args:
        route: To the backend.
        limits: `max_connections` bounds the connections; `keepalive_expiry` their idle seconds.
    """

    def __init__(self, route: Route, *, limits: httpx.Limits) -> None:
        self._route = route
        self._expiry = limits.keepalive_expiry
        self._places = asyncio.Semaphore(limits.max_connections or 1)
        self._free: list[tuple[float, LoopConnection]] = []
        """With the time since when; the one used last lies on the right."""
        self._asking: set[asyncio.Timeout] = set()
        """One for each request that has no response yet."""
        self._answering: set[LoopConnection] = set()
        """Whose response is being read."""
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of the first request; who waits on another one for what comes on this waits in vain."""

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
        self._check_loop()
        await self._wait_for_place(request)
        connection: LoopConnection | None = None
        try:
            await self._retire()
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
        Close all connections, those of calls under way too; these end with an error.

        Cancelling: leaves some open; another `aclose` goes on.
        """
        self._is_closed = True
        while self._asking:
            self._asking.pop().reschedule(0.0)
        while self._free:
            await self._free.pop()[1].aclose()
        for connection in tuple(self._answering):
            await connection.aclose()

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientUsageError(
                "the client belongs to another event loop: make one for each `asyncio.run`"
            )

    def _take(self, request: httpx.Request) -> LoopConnection:
        """A free connection, or one that will be made."""
        if self._is_closed:
            raise httpx.ConnectError("the client was closed", request=request)
        return self._free.pop()[1] if self._free else LoopConnection(self._route)

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

    async def _retire(self) -> None:
        """Close what was idle for so long that it would not be used again."""
        now = time.monotonic()
        while self._expiry is not None and self._free and now - self._free[0][0] > self._expiry:
            await self._free.pop(0)[1].aclose()

    async def give_back(self, connection: LoopConnection) -> None:
        """Its response was read and closed."""
        if self._is_closed:
            await self.discard(connection)
            return
        self._answering.discard(connection)
        self._free.append((time.monotonic(), connection))
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
