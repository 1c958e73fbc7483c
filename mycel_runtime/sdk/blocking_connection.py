"""One connection of `Client`: made when it is first needed, and again after it was closed."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Self

import httpx
from typing_extensions import override

from mycel_runtime.sdk.deadline import connect_tcp
from mycel_runtime.sdk.http_message import CHUNK_BYTES, ResponseReader
from mycel_runtime.sdk.httpx_errors import FAILURES, while_connecting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.sdk.deadline import Deadline, DeadlineStream
    from mycel_runtime.sdk.network import Route


class BlockingConnection(httpx.BaseTransport):
    """
    An httpx transport for one request at a time. Whoever gets an error from it closes it.

    Args:
        route: To the backend.
        deadline: Of the call under way.

    Attributes:
        is_interrupted: By another thread; nothing is asked any more.
    """

    def __init__(self, route: Route, deadline: Deadline) -> None:
        self._way = route.way
        self._tls = route.tls
        self._deadline = deadline
        self._stream: DeadlineStream | None = None
        self.is_interrupted = False

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        Ask; the response's content is read as it is asked for.

        Raises:
            httpx.TransportError: No connection, or none any more, or too late, or no HTTP.
        """
        data, timeout = self._way.request_bytes(request), request.extensions["timeout"]
        answer = _Answer(self, self._opened(timeout.get("connect")), timeout)
        if self.is_interrupted:
            raise httpx.ConnectError("the client was closed")
        answer.ask(data)
        reader = answer.reader
        return httpx.Response(reader.status, headers=reader.headers, stream=answer, request=request)

    @override
    def close(self) -> None:
        """Close it; by the thread that uses it."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def interrupt(self) -> None:
        """
        From another thread: end the request under way, with an error.

        Its thread closes the socket: who waits for a descriptor that somebody else closes waits on.
        """
        self.is_interrupted = True
        if (stream := self._stream) is not None:
            with contextlib.suppress(OSError):
                # Of the socket alone: `ssl`'s would drop TLS under the other thread.
                socket.socket.shutdown(stream.socket, socket.SHUT_RDWR)

    def _opened(self, seconds: float | None) -> DeadlineStream:
        """As it is, unless the other side has hung up, or talks out of turn."""
        if self._stream is not None and not self._stream.is_readable:
            return self._stream
        self.close()
        try:
            return self._open(seconds)
        except (*FAILURES, httpx.RemoteProtocolError) as exc:
            raise while_connecting(exc) from exc

    def _open(self, seconds: float | None) -> DeadlineStream:
        way = self._way
        stream = self._stream = connect_tcp(way.host, way.port, seconds, self._deadline)
        if (steps := way.tunnel()) is not None:
            step = next(steps)
            with contextlib.suppress(StopIteration):
                while True:
                    stream.write(step, seconds)
                    step = steps.send(stream.read(CHUNK_BYTES, seconds))
        if self._tls is not None:
            stream.start_tls(self._tls.current(), way.name, seconds)
        return stream


class _Answer(httpx.SyncByteStream):
    """To one request. Written and read to the end, it leaves the connection open for the next one."""

    def __init__(
        self,
        connection: BlockingConnection,
        stream: DeadlineStream,
        timeout: Mapping[str, float | None],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._timeout = timeout
        self._is_asked = False
        self._is_read = False
        self.reader = ResponseReader()

    def ask(self, data: bytes) -> None:
        """Until the head has come."""
        try:
            self._stream.write(data, self._timeout.get("write"))
            self._is_asked = True
        except httpx.WriteError:
            # Some answer, and hang up, before they have heard all.
            pass
        except httpx.WriteTimeout:
            # Or do not listen any more.
            if not self._stream.is_readable:
                raise
        while not self.reader.status:
            self._receive()

    @override
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        while not (piece := self.reader.take()):
            if self.reader.is_complete:
                self._is_read = True
                raise StopIteration
            self._receive()
        return piece

    @override
    def close(self) -> None:
        if not (self._is_asked and self._is_read and self.reader.is_reusable):
            self._connection.close()

    def _receive(self) -> None:
        data = self._stream.read(CHUNK_BYTES, self._timeout.get("read"))
        if self._connection.is_interrupted:
            # The end of the connection is ours then, and none of the answer's.
            raise httpx.ReadError("the client was closed")
        self.reader.feed(data)
