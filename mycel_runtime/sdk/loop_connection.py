"""One connection of `AsyncClient`: made when it is first needed, and again after it was closed."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Self

import httpx
from typing_extensions import override

from mycel_runtime.sdk.http_message import CHUNK_BYTES, ResponseReader
from mycel_runtime.sdk.httpx_errors import FAILURES, while_connecting
from mycel_runtime.sdk.loop_network import connect_tcp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.sdk.loop_network import LoopStream
    from mycel_runtime.sdk.network import Route


class LoopConnection(httpx.AsyncBaseTransport):
    """
    An httpx transport for one request at a time. Whoever gets an error from it, or is cancelled, closes it.

    Args:
        route: To the backend.

    Attributes:
        opened_at: When it was made last, by the monotonic clock.
    """

    def __init__(self, route: Route) -> None:
        self._way = route.way
        self._tls = route.tls
        self._stream: LoopStream | None = None
        self.opened_at = 0.0

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Ask; the response's content is read as it is asked for.

        Raises:
            httpx.TransportError: No connection, or none any more, or too late, or no HTTP.

        Cancelling: the request may or may not have been sent.
        """
        data, timeout = self._way.request_bytes(request), request.extensions["timeout"]
        answer = _Answer(self, await self._opened(timeout.get("connect")), timeout)
        await answer.ask(data)
        reader = answer.reader
        return httpx.Response(reader.status, headers=reader.headers, stream=answer, request=request)

    @override
    async def aclose(self) -> None:
        """
        Close it; a request under way ends with an error.

        Cancelling: it is closed all the same.
        """
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def _opened(self, seconds: float | None) -> LoopStream:
        """As it is, unless the other side has hung up, or talks out of turn."""
        if self._stream is not None and not self._stream.is_readable:
            return self._stream
        await self.aclose()
        try:
            return await self._open(seconds)
        except (*FAILURES, httpx.RemoteProtocolError) as exc:
            raise while_connecting(exc) from exc

    async def _open(self, seconds: float | None) -> LoopStream:
        way, self.opened_at = self._way, time.monotonic()
        stream = self._stream = await connect_tcp(way.host, way.port, seconds)
        if (steps := way.tunnel()) is not None:
            step = next(steps)
            with contextlib.suppress(StopIteration):
                while True:
                    await stream.write(step, seconds)
                    step = steps.send(await stream.read(CHUNK_BYTES, seconds))
        if self._tls is not None:
            stream = self._stream = await stream.start_tls(self._tls.current(), way.name, seconds)
        return stream


class _Answer(httpx.AsyncByteStream):
    """To one request. Written and read to the end, it leaves the connection open for the next one."""

    def __init__(
        self,
        connection: LoopConnection,
        stream: LoopStream,
        timeout: Mapping[str, float | None],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._timeout = timeout
        self._is_asked = False
        self._is_read = False
        self.reader = ResponseReader()

    async def ask(self, data: bytes) -> None:
        """Until the head has come."""
        try:
            await self._stream.write(data, self._timeout.get("write"))
            self._is_asked = True
        except httpx.WriteError:
            # Some answer, and hang up, before they have heard all.
            pass
        except httpx.WriteTimeout:
            # Or do not listen any more.
            if not self._stream.is_readable:
                raise
        while not self.reader.status:
            await self._receive()

    @override
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not (piece := self.reader.take()):
            if self.reader.is_complete:
                self._is_read = True
                raise StopAsyncIteration
            await self._receive()
        return piece

    @override
    async def aclose(self) -> None:
        if not (self._is_asked and self._is_read and self.reader.is_reusable):
            await self._connection.aclose()

    async def _receive(self) -> None:
        self.reader.feed(await self._stream.read(CHUNK_BYTES, self._timeout.get("read")))
