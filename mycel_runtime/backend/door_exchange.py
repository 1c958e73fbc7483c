"""How a request that comes in by the door is answered: by the application, or past its layers."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Protocol

from mycel_runtime.backend.gate import BROKEN, let_die
from mycel_runtime.backend.sockets import SOCKET, Connection
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Generator, MutableMapping, Sequence

    from fastapi import Response
    from starlette.types import ASGIApp, Scope

Header = tuple[bytes, bytes]

_BROKEN: Final = (b"Internal Server Error", [(b"content-type", b"text/plain; charset=utf-8")])
"""What uvicorn says for an application that does not say anything itself."""

_VARY: Final = (b"vary", b"Origin")
"""What the application's outermost layer says to whoever tells no origin."""


class Direct(Connection, Protocol):
    """A connection without a socket, as far as what is asked on it needs it."""

    @property
    def app(self) -> ASGIApp:
        """The application, behind its gate."""

    @property
    def headers(self) -> list[Header]:
        """Of every answer of the server."""

    async def wait_over(self) -> None:
        """Until it is cut or closed."""


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


def lose(answer: asyncio.Future[Answered]) -> None:
    """Let whoever waits for it know that there will be none."""
    if not answer.done():
        answer.set_exception(CutError())
        answer.exception()


class ApplicationExchange:
    """One request on its way through the application."""

    def __init__(self, connection: Direct, asked: Asked, answer: asyncio.Future[Answered]) -> None:
        self._connection, self._asked, self._answer = connection, asked, answer
        self._status = 0
        self._headers: list[Header] = []
        self._body: list[bytes] = []
        self._is_received = False

    async def run(self) -> None:
        """Until the application is done; nobody may wait any more."""
        try:
            await self._connection.app(self._scope(), self._receive, self._send)
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
        self._answer.set_result(Answered(status, [*self._connection.headers, *headers], body))


async def answer_ordinary(
    connection: Direct,
    answering: Coroutine[Any, Any, Response],
    scope: Scope,
    answer: asyncio.Future[Answered],
) -> None:
    """Until it is answered past the application, as an `ApplicationExchange` is by it."""
    try:
        response = await answering
        if not answer.done():
            headers = [*connection.headers, *response.raw_headers, _VARY]
            answer.set_result(Answered(response.status_code, headers, bytes(response.body)))
        if BROKEN in scope:
            let_die(connection)
    except Exception:  # noqa: BLE001 - as `ApplicationExchange.run`
        if not answer.done():
            answer.set_result(Answered(500, [*connection.headers, *_BROKEN[1]], _BROKEN[0]))
    finally:
        lose(answer)


class _Rest:
    """What `gone_on` awaits."""

    __slots__ = ("_begun", "_waits_for")

    def __init__(self, begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._begun, self._waits_for = begun, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        if self._waits_for is not None:
            try:
                yield self._waits_for
            except BaseException as exc:
                # Whatever ends the wait ends it there.
                self._begun.throw(exc)
                raise
        yield from self._begun.__await__()


async def gone_on(begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
    """The rest of a coroutine, for a task, whose first wait was for this; `None`: for a turn, which a task has."""
    await _Rest(begun, waits_for)
