"""
The connections of `AsyncClient`, found in no time however many there are.

For each request httpx's pool walks over all of its connections, twice nested: with 50 of them it manages a tenth of
what one connection does. Here each connection is a pool of its own, and the free ones lie on a stack.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import httpx
from typing_extensions import override

from mycel_runtime.sdk.loop_network import LoopBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.sdk.tls import TlsContext


class AsyncPool(httpx.AsyncBaseTransport):
    """
    An httpx transport over one `httpx.AsyncHTTPTransport` for each connection.

    Args:
        limits: `max_connections` bounds the connections; `keepalive_expiry` their idle seconds.
        tls: Asked for the context of each connection, in place of that in `options`.
        options: Of `httpx.AsyncHTTPTransport`.
    """

    def __init__(self, *, limits: httpx.Limits, tls: TlsContext | None = None, **options: Any) -> None:
        one = httpx.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=limits.keepalive_expiry
        )
        self._options = options | {"limits": one}
        self._tls = tls
        self._expiry = limits.keepalive_expiry
        self._places = asyncio.Semaphore(limits.max_connections or 1)
        self._free: deque[tuple[float, httpx.AsyncHTTPTransport]] = deque()
        """With the time since when; the one used last lies on the right."""
        self._asking: set[asyncio.Timeout] = set()
        """One for each request that has no response yet."""
        self._answering: set[httpx.AsyncHTTPTransport] = set()
        """Whose response is being read."""
        self._is_closed = False

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send a request on a free connection, or on a new one.

        Raises:
            httpx.PoolTimeout: None became free within the request's `pool` seconds.
            httpx.ConnectError: The pool was closed before anything was sent.
            httpx.ReadError: The pool was closed meanwhile.

        Cancelling: closes the connection.
        """
        await self._wait_for_place(request)
        connection: httpx.AsyncHTTPTransport | None = None
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

    def _take(self, request: httpx.Request) -> httpx.AsyncHTTPTransport:
        """A free connection, or one that will be made."""
        if self._is_closed:
            raise httpx.ConnectError("the client was closed", request=request)
        return self._free.pop()[1] if self._free else self._make()

    def _make(self) -> httpx.AsyncHTTPTransport:
        made = httpx.AsyncHTTPTransport(**self._options)
        # As in `DeadlineTransport`; a test of renewed certificates fails should these two names ever change.
        made._pool._network_backend = LoopBackend(self._tls)  # noqa: SLF001 - as said above
        return made

    async def _ask(self, connection: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        """
        Its response, or the end of the pool.

        That ends the task's wait from inside: httpcore forgets a connection that is closed while it is being made,
        and nothing would close it ever after.
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
            await self._free.popleft()[1].aclose()

    async def give_back(self, connection: httpx.AsyncHTTPTransport) -> None:
        """Its response was read and closed."""
        if self._is_closed:
            await self.discard(connection)
            return
        self._answering.discard(connection)
        self._free.append((time.monotonic(), connection))
        self._places.release()

    async def discard(self, connection: httpx.AsyncHTTPTransport | None) -> None:
        """
        Its request failed or was cancelled: whoever got it next might wait for ever.

        httpcore 1.0.9 keeps a connection that was never made, if it is cancelled between choosing and making it.
        """
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

    def __init__(
        self, stream: httpx.AsyncByteStream, connection: httpx.AsyncHTTPTransport, pool: AsyncPool
    ) -> None:
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
