"""
The running daemon's own door: HTTP on a unix socket in the state directory, mode 0600.

`/livez` answers while the loop turns, `/readyz` with 200 while hearing is proven and 503 with the reasons while it is
not, and always with what is wrong on the road, `/status` with everything, `/metrics` with that in numbers, `/dump`
with what the process does right now.
`POST /admin/VERB` is the operator's hand: the commands that change something; `POST /orders/NAME` is what the process
itself is told. `POST /tools/VERB` is what `mycel-runtime mcp` sees and does as the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx
from pydantic import ValidationError

from mycel_runtime.daemon.admin import VERBS
from mycel_runtime.daemon.asked_server import AskedServer
from mycel_runtime.daemon.control_routes import NOT_FOUND, OK, Request, Response, Route, Routes, of_json
from mycel_runtime.daemon.probes import readiness_of
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from mycel_runtime.daemon.status import Status
from mycel_runtime.daemon.tool_calls import call_tool
from mycel_runtime.errors import ControlError, NoDaemonError, StateDirectoryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from mycel_runtime.daemon.upkeep.journal_admin import JournalAdmin
    from mycel_runtime.dispatch.tools import Tools

Order: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]
"""What the process is told: takes and returns plain JSON values."""

ANSWER_SECONDS: Final = 10.0
"""For which a daemon's answer is waited for."""

NOT_YET: Final = 503
_STANDBY: Final = "standby"
_PATH_LIMIT: Final = 100
"""A unix socket's address holds some hundred bytes; a longer path goes through a descriptor of its folder."""


@contextlib.asynccontextmanager
async def control_server(
    state_dir: Path,
    status: Callable[[], Awaitable[Status]],
    admin: Callable[[], JournalAdmin | None] = lambda: None,
    tools: Callable[[], Tools | None] = lambda: None,
    more: Sequence[Route] = (),
    orders: Mapping[str, Order] = MappingProxyType({}),
) -> AsyncIterator[None]:
    """
    Answer on the control socket while the block runs.

    Args:
        state_dir: Where the socket is.
        status: Asked for each answer.
        admin: The operator's verbs, on a host that stands by not all of them; `None` while there are none yet.
        tools: Those of tools; likewise.
        more: What else is answered: `GET /metrics`, `GET /dump`.
        orders: What the process itself is told, also before the agent has begun to work.

    A socket that a killed process left behind is replaced: the journal's lock is held, so nobody answers on it.
    """
    path = state_dir / SOCKET_NAME
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, short_address(path) as address:
        listener.bind(address)
        path.chmod(0o600)
        async with asyncio.TaskGroup() as tasks:
            server = AskedServer(listener, lambda: _routes(status, admin, tools, more, orders).answer, tasks)
            try:
                yield
            finally:
                server.end()
    path.unlink(missing_ok=True)


def ask_status(state_dir: Path) -> Status:
    """
    The status of the daemon that runs on this state directory.

    Raises:
        NoDaemonError: None runs.
        ControlError: It does not answer as expected.
        StateDirectoryError: It is another user's.
    """
    answer = _ask(state_dir, "GET", "/status")
    if not answer.is_success:
        raise ControlError(f"{state_dir}: the daemon cannot tell its status: HTTP {answer.status_code}")
    try:
        return Status.model_validate_json(answer.content)
    except ValidationError as exc:
        raise ControlError(
            f"{state_dir}: the daemon's status is not as expected: it is of another version, and wants a restart"
        ) from exc


def ask_admin(state_dir: Path, verb: str, **arguments: Any) -> Any:
    """
    What a verb of the running daemon's `Admin` answers.

    Raises:
        NoDaemonError: None runs, or it has not begun to work.
        ControlError: It does not answer as expected.
        StateDirectoryError: It is another user's.
    """
    answer = _ask(state_dir, "POST", f"/admin/{verb}", arguments)
    if answer.status_code == NOT_YET:
        is_standby = answer.json().get("detail") == _STANDBY
        why = "another host is at work on it" if is_standby else _why_not_yet(state_dir)
        raise NoDaemonError(f"{state_dir}: the agent has not begun to work: {why}", is_running=True)
    if not answer.is_success:
        raise ControlError(f"{state_dir}: the daemon cannot {verb}: HTTP {answer.status_code}")
    return answer.json()


def _why_not_yet(state_dir: Path) -> str:
    with contextlib.suppress(ControlError):
        if away := ask_status(state_dir).database_problem:
            return away
    return "the backend has not answered yet"


def give_order(state_dir: Path, order: str, *, within: float, **arguments: Any) -> dict[str, Any]:
    """
    What a running daemon answers to an order to its process: `reload`, `drain`.

    Args:
        state_dir: The agent's.
        order: Its name.
        within: Seconds for which an answer is waited for.
        arguments: Of the order.

    Raises:
        NoDaemonError, ControlError, StateDirectoryError: As of `ask_admin`.
    """
    answer = _ask(state_dir, "POST", f"/orders/{order}", arguments, seconds=within)
    if not answer.is_success:
        raise ControlError(f"{state_dir}: the daemon cannot {order}: HTTP {answer.status_code}")
    result: dict[str, Any] = answer.json()
    return result


def _ask(
    state_dir: Path,
    method: str,
    path_: str,
    arguments: dict[str, Any] | None = None,
    *,
    seconds: float = ANSWER_SECONDS,
) -> httpx.Response:
    path = state_dir / SOCKET_NAME
    try:
        with short_address(path) as address:
            require_listener(address)
            with httpx.Client(
                transport=transport_to(address), base_url="http://control", timeout=seconds
            ) as client:
                return client.request(method, path_, json=arguments)
    except PermissionError as exc:
        raise StateDirectoryError(
            "the daemon of another user", where=str(path), fix="Ask as that user, or as root."
        ) from exc
    except (httpx.ConnectError, OSError) as exc:
        raise NoDaemonError(f"{path}: no daemon answers here") from exc
    except httpx.ReadTimeout as exc:
        raise ControlError(
            f"{path}: the daemon has not answered within {seconds:g} seconds; what it was to do may be done yet\n"
            "  Look what it waits for, its database for example: mycel-runtime status"
        ) from exc
    except (httpx.HTTPError, ValueError) as exc:
        raise ControlError(f"{path}: the daemon does not answer as expected: {type(exc).__name__}") from exc


def transport_to(address: str) -> httpx.HTTPTransport:
    """
    To a daemon's socket, in plain HTTP.

    Args:
        address: As of `short_address`.
    """
    # Given none, httpx reads the whole trust store for each: twenty times what the question costs.
    return httpx.HTTPTransport(uds=address, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def require_listener(address: str) -> None:
    """
    Raise if nobody listens: httpcore would leave its socket to the collector.

    Raises:
        OSError: So it is.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_SECONDS)
        probe.connect(address)


def _routes(
    status: Callable[[], Awaitable[Status]],
    admin: Callable[[], JournalAdmin | None],
    tools: Callable[[], Tools | None],
    more: Sequence[Route],
    orders: Mapping[str, Order],
) -> Routes:
    async def livez(_request: Request) -> Response:
        return of_json({"live": True})

    async def readyz(_request: Request) -> Response:
        now = await status()
        return of_json(readiness_of(now), status=OK if now.ready else NOT_YET)

    async def report(_request: Request) -> Response:
        return Response((await status()).model_dump_json().encode())

    return Routes(
        [
            Route("GET", "/livez", livez),
            Route("GET", "/readyz", readyz),
            Route("GET", "/status", report),
            _admin_route(admin),
            _tools_route(tools),
            _orders_route(orders),
            *more,
        ]
    )


def _admin_route(admin: Callable[[], JournalAdmin | None]) -> Route:
    async def operate(request: Request) -> Response:
        if request.name not in VERBS:
            return of_json({"detail": "no such verb"}, status=NOT_FOUND)
        if (open_admin := admin()) is None:
            return of_json({"detail": "not yet"}, status=NOT_YET)
        if (verb := getattr(open_admin, request.name, None)) is None:
            return of_json({"detail": _STANDBY}, status=NOT_YET)
        return of_json(await verb(**request.arguments()))

    return Route("POST", "/admin/", operate)


def _orders_route(orders: Mapping[str, Order]) -> Route:
    async def carry_out(request: Request) -> Response:
        if (order := orders.get(request.name)) is None:
            return of_json({"detail": "no such order"}, status=NOT_FOUND)
        return of_json(await order(**request.arguments()))

    return Route("POST", "/orders/", carry_out)


def _tools_route(tools: Callable[[], Tools | None]) -> Route:
    async def use(request: Request) -> Response:
        if (open_tools := tools()) is None:
            return of_json({"detail": "not yet"}, status=NOT_YET)
        code, answer = await call_tool(open_tools, request.name, request.arguments())
        return of_json(answer, status=code)

    return Route("POST", "/tools/", use)


@contextlib.contextmanager
def short_address(path: Path) -> Iterator[str]:
    """An address of this path that fits into a socket's."""
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(Path(f"/proc/self/fd/{folder}") / path.name)
    finally:
        os.close(folder)
