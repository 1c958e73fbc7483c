"""Where trouble meets a request: an ASGI layer around the application. Costs nothing while there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mycel_runtime.backend.faults import Fault, Faults
    from mycel_runtime.backend.sockets import Connection


class Gate:
    """
    Lets requests through, late, not at all, or without an answer.

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
            await self._app(scope, receive, send)
            return
        for fault in self._faults.take(scope.get("method", "GET"), scope["path"]):
            if await self._act(fault, scope, receive, send):
                return
        await self._app(scope, receive, send)

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
        for connection in self._connections:
            if connection.client == scope.get("client"):
                connection.transport.abort()
                return


async def _refuse(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    response = JSONResponse({"detail": "refused by a fault"}, fault.status, headers)
    await response(scope, receive, send)


async def _unheard(message: Message | Any) -> None:
    """An answer that nobody gets."""
