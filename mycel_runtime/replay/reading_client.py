"""A client that can read and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mycel_runtime.errors import PermissionDeniedError
from mycel_runtime.sdk import AsyncClient

if TYPE_CHECKING:
    from mycel_runtime.sdk.calls import Call
    from mycel_runtime.sdk.exchange import Reply

_FORBIDDEN = 403


class ReadingClient(AsyncClient):
    """
    `AsyncClient`, whose every request passes one place, and there only those pass that change nothing on the server.

    The client's arguments are those of `AsyncClient`.

    Attributes:
        refused: How many requests were not made because they change something.
        unread: How many others were not made.
    """

    refused: int = 0
    unread: int = 0

    @override
    async def _send(self, call: Call[Any]) -> Reply:
        if not call.is_safe or call.is_told_once:
            self.refused += 1
            raise PermissionDeniedError(_FORBIDDEN, f"a replay only reads: no {call.method} {call.path}")
        return await self._read(call)

    async def _read(self, call: Call[Any]) -> Reply:
        return await super()._send(call)


class OfflineClient(ReadingClient):
    """A `ReadingClient` that makes no request at all."""

    @override
    async def _read(self, call: Call[Any]) -> Reply:
        self.unread += 1
        raise PermissionDeniedError(_FORBIDDEN, f"offline, nothing is asked: no {call.method} {call.path}")
