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
        is_offline: None pass at all.
        refused: How many requests were not made because they change something.
        unread: How many others were not made.
    """

    is_offline: bool = False
    refused: int = 0
    unread: int = 0

    @override
    async def _send(self, call: Call[Any]) -> Reply:
        if not call.is_safe or call.is_told_once:
            self.refused += 1
            raise PermissionDeniedError(_FORBIDDEN, f"a replay only reads: no {call.method} {call.path}")
        if self.is_offline:
            self.unread += 1
            raise PermissionDeniedError(
                _FORBIDDEN, f"offline, nothing is asked: no {call.method} {call.path}"
            )
        return await super()._send(call)
