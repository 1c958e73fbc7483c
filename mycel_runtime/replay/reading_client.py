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
        refused: How many requests were not made.
    """

    refused: int = 0

    @override
    async def _send(self, call: Call[Any]) -> Reply:
        if not call.is_safe or call.is_told_once:
            self.refused += 1
            raise PermissionDeniedError(_FORBIDDEN, f"a replay only reads: no {call.method} {call.path}")
        return await super()._send(call)
