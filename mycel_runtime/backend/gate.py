"""Where trouble meets a request: an ASGI layer around the application. Costs nothing while there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.responses import JSONResponse

from mycel_runtime.backend.sockets import SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mycel_runtime.backend.faults import Fault, Faults
    from mycel_runtime.backend.sockets import Connection


BROKEN: Final = "mycel.broken"
"""Set in a request's scope when the real server would have died of it."""

DYING_SECONDS: Final = 0.02
"""From a 500 to the end of its connection: as long as the real server writes its traceback."""


class Gate:
    """
    Lets requests through, late, not at all, or without an answer; ends the connection of one that failed.

    Args:
        app: The application.
        faults: The script.
        connections: The server's open connections, to cut one.
    """

    def __init__(self, app: ASGIApp, faults: Faults, connections: Iterable[Connection]) -> None:
        self._app = app
        self._faults = faults
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the trouble of this request in the order in which it was ordered."""
        if not self._faults.is_armed or scope["type"] not in {"http", "websocket"}:
            await self._pass(scope, receive, send)
            return
        for fault in self._faults.take(scope.get("method", "GET"), scope["path"]):
            if await self._act(fault, scope, receive, send):
                return
        await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if BROKEN in scope and (connection := self._connection(scope)) is not None:
            let_die(connection)

    async def _act(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether the request is answered, or never will be."""
        match fault.action:
            case "delay":
                await asyncio.sleep(fault.seconds)
                return False
            case "refuse":
                await _refuse(fault, scope, receive, send)
            case "drop":
                self._cut(scope)
            case "lose":
                await self._app(scope, receive, _unheard)
                self._cut(scope)
        return True

    def _cut(self, scope: Scope) -> None:
        if (connection := self._connection(scope)) is not None:
            connection.transport.abort()

    def _connection(self, scope: Scope) -> Connection | None:
        if (known := scope.get("extensions", {}).get(SOCKET)) is not None:
            return cast("Connection", known)
        client = scope.get("client")
        return next((connection for connection in self._connections if connection.client == client), None)


def let_die(connection: Connection) -> None:
    """After an uncaught error: unread from now on, so that a next request on it is answered by a reset (1.4)."""
    connection.transport.pause_reading()
    asyncio.get_running_loop().call_later(DYING_SECONDS, connection.transport.close)


async def _refuse(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    response = JSONResponse({"detail": "refused by a fault"}, fault.status, headers)
    await response(scope, receive, send)


async def _unheard(message: Message | Any) -> None:
    """An answer that nobody gets."""
