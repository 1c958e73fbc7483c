"""
The way into a life of the server for whoever is in its loop: nothing is listened to, and no HTTP is parsed.

What a caller gets is what he would get through a socket, from the same application behind the same gate: status,
headers and body, the end of a connection that a fault cuts or that the server lets die, and a stream that speaks
WebSocket.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.backend.sockets import SOCKET

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine, MutableMapping, Sequence

    import uvicorn
    from starlette.types import ASGIApp

Header = tuple[bytes, bytes]

_BROKEN: Final = (b"Internal Server Error", [(b"content-type", b"text/plain; charset=utf-8")])
"""What uvicorn says for an application that does not say anything itself."""


class CutError(Exception):
    """The connection is over, and the request on it has no answer; it may have been carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    A request.

    Attributes:
        path: Not escaped any more.
        headers: Their names in lower case.
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: Sequence[Header] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the application has answered, with the headers that every answer of the server has."""

    status: int
    headers: list[Header] = field(repr=False)
    body: bytes = field(repr=False)


class Door:
    """
    Into one life of a server; made in its loop.

    Args:
        server: Which it is; it waits for what came in here when it ends, as for what came through sockets.
        tasks: In which requests are carried out, whoever still waits for them.
    """

    def __init__(self, server: uvicorn.Server, tasks: asyncio.TaskGroup) -> None:
        self._config = server.config
        self._state = server.server_state
        self._tasks = tasks
        self.is_shut = False

    def shut(self) -> None:
        """Let nobody in any more."""
        self.is_shut = True

    def connection(self) -> DirectConnection:
        """A new one, for one request after the other."""
        return DirectConnection(self)

    def accept(self, theirs: socket.socket) -> None:
        """Serve a connected socket, on which a WebSocket's handshake comes; it is the server's from now on."""
        self.start(self._accept(theirs)).add_done_callback(partial(_close_if_cancelled, theirs))

    def start(self, work: Coroutine[None, None, Any]) -> asyncio.Task[Any]:
        """Do it in this life, whose end waits for it."""
        task = self._tasks.create_task(work, name="backend-direct")
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return task

    @property
    def app(self) -> ASGIApp:
        """The application, behind its gate."""
        app: ASGIApp = self._config.loaded_app
        return app

    @property
    def headers(self) -> list[Header]:
        """Of every answer."""
        return self._state.default_headers

    async def _accept(self, theirs: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, theirs)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self._config.ws_protocol_class(  # type: ignore[call-arg,misc]  # as uvicorn's server does
            config=self._config, server_state=self._state, app_state={}, _loop=asyncio.get_running_loop()
        )
        return made


class DirectConnection:
    """
    What a connection is to a client and to the gate, without a socket.

    Attributes:
        client: It has no address.
        door: By which it came in.
    """

    client = None

    def __init__(self, door: Door) -> None:
        self.door = door
        self._answer: asyncio.Future[Answered] | None = None
        self._is_read = True
        self._over = asyncio.Event()

    @property
    def transport(self) -> DirectConnection:
        """What can be paused and ended of it: itself."""
        return self

    @property
    def is_over(self) -> bool:
        """Whether it has been cut or closed, or the server has ended: no request gets through any more."""
        return self._over.is_set() or self.door.is_shut

    @property
    def is_idle(self) -> bool:
        """Whether the last request on it has been answered."""
        return self._answer is None or (self._answer.done() and not self._answer.cancelled())

    async def ask(self, asked: Asked, *, within: float | None = None) -> Answered:
        """
        Have a request carried out.

        Args:
            asked: The request.
            within: Seconds to wait for the answer; `None`: as long as it takes.

        Raises:
            CutError: There will be no answer.
            TimeoutError: It takes longer; the connection is closed, as of who does not wait any more.

        Cancelling: the request is carried out all the same; the connection is of no more use.
        """
        if self.is_over:
            raise CutError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        # A timer costs half as much as a timeout's context, and every request of a test has one.
        patience = None if within is None else loop.call_later(within, _give_up, answer)
        self._answer = answer
        if self._is_read:
            self.door.start(_Exchange(self, asked, answer).run())
        try:
            return await answer
        except (CutError, TimeoutError) as exc:
            # The error refers to this place, and would refer to itself.
            self._answer = None
            if isinstance(exc, TimeoutError):
                self.close()
            raise
        finally:
            del answer
            if patience is not None:
                patience.cancel()

    def pause_reading(self) -> None:
        """Requests from now on lie there unread."""
        self._is_read = False

    def close(self) -> None:
        """End it."""
        self._over.set()
        if self._answer is not None:
            lose(self._answer)

    abort = close

    async def wait_over(self) -> None:
        """Until it is cut or closed."""
        await self._over.wait()


def lose(answer: asyncio.Future[Answered]) -> None:
    """Let whoever waits for it know that there will be none."""
    if not answer.done():
        answer.set_exception(CutError())
        answer.exception()


def _give_up(answer: asyncio.Future[Answered]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _close_if_cancelled(theirs: socket.socket, accepting: asyncio.Task[None]) -> None:
    if accepting.cancelled():
        theirs.close()


class _Exchange:
    """One request on its way through the application."""

    def __init__(self, connection: DirectConnection, asked: Asked, answer: asyncio.Future[Answered]) -> None:
        self._connection, self._asked, self._answer = connection, asked, answer
        self._status = 0
        self._headers: list[Header] = []
        self._body: list[bytes] = []
        self._is_received = False

    async def run(self) -> None:
        """Until the application is done; nobody may wait any more."""
        try:
            await self._connection.door.app(self._scope(), self._receive, self._send)
        except Exception:  # noqa: BLE001 - as of uvicorn: whatever it was, the client is told no more than this
            if not self._answer.done():
                self._resolve(500, _BROKEN[1], _BROKEN[0])
        finally:
            lose(self._answer)

    def _scope(self) -> dict[str, Any]:
        asked = self._asked
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": None,
            "client": None,
            "scheme": "http",
            "root_path": "",
            "method": asked.method,
            "path": asked.path,
            "raw_path": asked.raw_path,
            "query_string": asked.query,
            "headers": asked.headers,
            "state": {},
            "extensions": {SOCKET: self._connection},
        }

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._is_received:
            await self._connection.wait_over()
            return {"type": "http.disconnect"}
        self._is_received = True
        return {"type": "http.request", "body": self._asked.body, "more_body": False}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False) and not self._answer.done():
            self._resolve(self._status, self._headers, b"".join(self._body))

    def _resolve(self, status: int, headers: list[Header], body: bytes) -> None:
        self._answer.set_result(Answered(status, [*self._connection.door.headers, *headers], body))
