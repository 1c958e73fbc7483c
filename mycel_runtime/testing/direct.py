"""
What leads agents and people of a test to their backend: calls of its application, and the two ends of a socket pair.

The SDK's part of it, and the backend's, are those of production; what is left out is HTTP, which takes most of the
time of a test, and whatever goes over it between two threads.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
from typing_extensions import override

from mycel_runtime.backend.door_exchange import Asked, CutError
from mycel_runtime.sdk.body import Body
from mycel_runtime.sdk.carrier import deadline_error
from mycel_runtime.sdk.transport import transport_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from mycel_runtime.backend.door import DirectConnection
    from mycel_runtime.backend.door_exchange import Answered, Header
    from mycel_runtime.backend.inline import InlineBackend
    from mycel_runtime.errors import TransportError
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply
    from mycel_runtime.sdk.transport import Requests

CLOSED: Final = "the client was closed"


class DirectLink:
    """
    As `mycel_runtime.sdk.network.Link`.

    Args:
        backend: Which runs in the loop of whoever uses this.
    """

    def __init__(self, backend: InlineBackend) -> None:
        self._backend = backend

    def carrier(self, requests: Requests, *, deadline_seconds: float | None) -> DirectCarrier:
        """As of `Link`."""
        return DirectCarrier(self._backend, requests, deadline_seconds=deadline_seconds)

    def connect(self) -> socket.socket:
        """As of `Link`."""
        return self._backend.stream()


class DirectCarrier:
    """
    Carries calls of one client, each on a connection that it has to itself meanwhile.

    Args:
        backend: As of `DirectLink`.
        requests: Of the client.
        deadline_seconds: As of `HttpCarrier`.
    """

    def __init__(self, backend: InlineBackend, requests: Requests, *, deadline_seconds: float | None) -> None:
        self._backend = backend
        self._requests = requests
        self._deadline_seconds = deadline_seconds
        # All of an answer comes at once.
        ends = [each for each in (requests.read_seconds, deadline_seconds) if each is not None]
        self._patience = min(ends, default=None)
        self._free: list[DirectConnection] = []
        self._used: set[DirectConnection] = set()
        self._is_closed = False

    async def carry(self, call: Call[Any]) -> Reply:
        """
        As of `Carrier`, with the errors that HTTP has.

        Cancelling: closes the connection; the request is carried out all the same.
        """
        asked = self._asked(call)
        connection = self._take()
        try:
            answered = await connection.ask(asked, within=self._patience)
        except TimeoutError as exc:
            raise self._late() from exc
        except CutError as exc:
            raise self._cut() from exc
        finally:
            self._used.discard(connection)
            if not connection.is_idle:
                connection.close()
        self._free.append(connection)
        return _reply(answered)

    async def aclose(self) -> None:
        """As of `Carrier`."""
        self._is_closed = True
        for connection in (*self._used, *self._free):
            connection.close()
        self._free.clear()

    def _asked(self, call: Call[Any]) -> Asked:
        target = _target(self._requests.url(call))
        return Asked(
            method=call.method,
            path=target.path,
            raw_path=target.raw_path,
            query=target.query,
            headers=[(name.lower(), value) for name, value in self._requests.headers(call)],
            body=call.body or b"",
        )

    def _take(self) -> DirectConnection:
        """The one used last, or a new one."""
        door = self._backend.door
        if self._is_closed or door is None:
            raise transport_error(httpx.ConnectError(CLOSED if self._is_closed else "nobody listens there"))
        while self._free and self._free[-1].is_over:
            self._free.pop()
        connection = self._free.pop() if self._free else door.connection()
        self._used.add(connection)
        return connection

    def _cut(self) -> TransportError:
        if self._is_closed:
            return transport_error(httpx.ReadError(CLOSED))
        return transport_error(httpx.RemoteProtocolError("Server disconnected without sending a response."))

    def _late(self) -> TransportError:
        if self._patience == self._deadline_seconds:
            return deadline_error()
        return transport_error(httpx.ReadTimeout("no answer in time"))


class Target(NamedTuple):
    """What of a URL stands in a request; `path` is not escaped any more."""

    path: str
    raw_path: bytes
    query: bytes


@functools.lru_cache(maxsize=512)
def _target(text: str) -> Target:
    url = httpx.URL(text)
    raw_path, _, query = url.raw_path.partition(b"?")
    return Target(url.path, raw_path, query)


class AnswerHeaders(Mapping[str, str]):
    """By names in lower case. Of a good answer hardly any is asked for, so that each is decoded when it is."""

    def __init__(self, pairs: Sequence[Header]) -> None:
        self._pairs = pairs

    @override
    def __getitem__(self, name: str) -> str:
        wanted = name.encode("ascii")
        for key, value in self._pairs:
            if key == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return (name.decode("ascii") for name, _ in self._pairs)

    @override
    def __len__(self) -> int:
        return len(self._pairs)


def _reply(answered: Answered) -> Reply:
    body = Body(answered.status, AnswerHeaders(answered.headers))
    body.take(answered.body)
    return body.reply()
