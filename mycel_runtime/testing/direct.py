"""
What leads agents and people of a test to their backend: calls of its application, and the two ends of a socket pair.

The SDK's part of it, and the backend's, are those of production; what is left out is HTTP, which takes most of the
time of a test, and whatever goes over it between two threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx
from typing_extensions import override

from mycel_runtime.backend.door import Asked, CutError

if TYPE_CHECKING:
    import socket

    from mycel_runtime.backend.door import DirectConnection
    from mycel_runtime.backend.inline import InlineBackend

CLOSED: Final = "the client was closed"


class DirectLink:
    """
    As `mycel_runtime.sdk.network.Link`.

    Args:
        backend: Which runs in the loop of whoever uses this.
    """

    def __init__(self, backend: InlineBackend) -> None:
        self._backend = backend

    def transport(self) -> httpx.AsyncBaseTransport:
        """As of `Link`."""
        return DirectTransport(self._backend)

    def connect(self) -> socket.socket:
        """As of `Link`."""
        return self._backend.stream()


class DirectTransport(httpx.AsyncBaseTransport):
    """Calls of one client, each on a connection that it has to itself meanwhile."""

    def __init__(self, backend: InlineBackend) -> None:
        self._backend = backend
        self._free: list[DirectConnection] = []
        self._used: set[DirectConnection] = set()
        self._is_closed = False

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Have a request carried out.

        Raises:
            httpx.ConnectError: There is no backend just now, or the client was closed before.
            httpx.ReadTimeout: No answer within the request's `read` seconds.
            httpx.ReadError: The client was closed meanwhile.
            httpx.RemoteProtocolError: The connection was cut.

        Cancelling: closes the connection; the request is carried out all the same.
        """
        connection = self._take(request)
        try:
            patience = request.extensions["timeout"].get("read")
            answered = await connection.ask(_asked(request), within=patience)
        except TimeoutError as exc:
            raise httpx.ReadTimeout("no answer in time", request=request) from exc
        except CutError as exc:
            raise self._cut(request) from exc
        finally:
            self._used.discard(connection)
            if not connection.is_idle:
                connection.close()
        self._free.append(connection)
        return httpx.Response(
            answered.status, headers=answered.headers, stream=httpx.ByteStream(answered.body)
        )

    @override
    async def aclose(self) -> None:
        """Calls under way end with an error."""
        self._is_closed = True
        for connection in (*self._used, *self._free):
            connection.close()
        self._free.clear()

    def _take(self, request: httpx.Request) -> DirectConnection:
        """The one used last, or a new one."""
        door = self._backend.door
        if self._is_closed or door is None:
            why = CLOSED if self._is_closed else "nobody listens there"
            raise httpx.ConnectError(why, request=request)
        while self._free and self._free[-1].is_over:
            self._free.pop()
        connection = self._free.pop() if self._free else door.connection()
        self._used.add(connection)
        return connection

    def _cut(self, request: httpx.Request) -> httpx.HTTPError:
        if self._is_closed:
            return httpx.ReadError(CLOSED, request=request)
        return httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


def _asked(request: httpx.Request) -> Asked:
    raw_path, _, query = request.url.raw_path.partition(b"?")
    assert isinstance(request.stream, httpx.SyncByteStream)
    return Asked(
        method=request.method,
        path=request.url.path,
        raw_path=raw_path,
        query=query,
        headers=[(name.lower(), value) for name, value in request.headers.raw],
        body=b"".join(request.stream),
    )
