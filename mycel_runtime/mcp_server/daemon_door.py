"""
The running daemon, as tools call it: the verbs of `dispatch.tools` over its control socket.

A call whose answer was lost is made again, for as long as a restart of the daemon takes: each verb may be repeated,
because what is said has a key, and what is read counts only when it is counted.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import httpx

from mycel_runtime.daemon.control import NOT_YET, require_listener, short_address
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from mycel_runtime.daemon.tool_calls import MISTAKEN, OK, TROUBLED
from mycel_runtime.errors import ToolProblemError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

PATIENCE_SECONDS: Final = 10.0
"""For a daemon that is not there: it may be restarting."""

_PAUSE_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 30.0
"""Beyond what a call itself may wait: the daemon's own calls of the backend have their deadlines below."""


class DaemonDoor:
    """
    The tools of one agent; to be entered.

    Args:
        state_dir: Where the daemon's socket is.
        patience: Seconds.
    """

    def __init__(self, state_dir: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = state_dir / SOCKET_NAME
        self._patience = patience
        self._stack = AsyncExitStack()
        self._address = ""
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open nothing yet: the daemon need not be there."""
        self._address = self._stack.enter_context(short_address(self._path))
        # Kept open it would meet a restarted daemon with a connection to the one before.
        limits = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.AsyncHTTPTransport(uds=self._address, limits=limits)
        client = httpx.AsyncClient(transport=transport, base_url="http://control")
        self._http = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._stack.aclose()

    async def call(self, verb: str, *, waits: float = 0.0, **arguments: Any) -> Any:
        """
        What a verb of the daemon's `Tools` returns.

        Args:
            verb: Its name.
            waits: Seconds that it may wait for something by itself.
            arguments: Of the verb.

        Raises:
            ToolProblemError: There is no result; it says why, and what to do.

        Cancelling: the daemon may have done it.
        """
        give_up_at = time.monotonic() + self._patience
        while True:
            try:
                return _result_of(await self._post(verb, arguments, waits))
            except (httpx.TransportError, OSError) as exc:
                if time.monotonic() >= give_up_at or isinstance(exc, httpx.TimeoutException):
                    raise _absent(exc) from exc
            except _NotYetError as exc:
                if time.monotonic() >= give_up_at:
                    raise ToolProblemError(
                        "this agent has not begun to work: Mycel has not answered it yet",
                        "Try again in a minute.",
                    ) from exc
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _post(self, verb: str, arguments: dict[str, Any], waits: float) -> httpx.Response:
        assert self._http is not None
        await asyncio.to_thread(require_listener, self._address)
        return await self._http.post(f"/tools/{verb}", json=arguments, timeout=waits + _ANSWER_SECONDS)


class _NotYetError(Exception):
    """The daemon has not begun to work."""


def _result_of(answer: httpx.Response) -> Any:
    if answer.status_code == OK:
        return answer.json()
    if answer.status_code == NOT_YET:
        raise _NotYetError
    if answer.status_code in (MISTAKEN, TROUBLED):
        told = answer.json()
        is_refused = answer.status_code == MISTAKEN
        raise ToolProblemError(told["problem"], told["fix"], is_refused=is_refused)
    raise ToolProblemError(
        f"this agent's daemon failed: HTTP {answer.status_code}", "Tell the operator: its log says more."
    )


def _absent(exc: Exception) -> ToolProblemError:
    if isinstance(exc, PermissionError):
        return ToolProblemError("this agent's daemon is another user's", "Tell the operator.")
    if isinstance(exc, httpx.TimeoutException):
        return ToolProblemError("this agent's daemon does not answer in time", "Try again in a minute.")
    return ToolProblemError(
        "this agent's daemon does not run", "Tell the operator to start it: mycel-runtime run --config …"
    )
