"""`GET /facts`: what happens in the running agent, a line of JSON each; and how it is followed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx

from mycel_runtime.daemon.control import require_listener, short_address, transport_to
from mycel_runtime.daemon.control_routes import Response, Route, of_json
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from mycel_runtime.errors import ControlError, NoDaemonError, StateDirectoryError
from mycel_runtime.observe.following import LEVELS, MOST_FOLLOWERS, QUIET_SECONDS, FactFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from mycel_runtime.daemon.control_routes import Request
    from mycel_runtime.observe.following import Followers

PATH: Final = "/facts"

_MISTAKEN: Final = 422
_TOO_MANY: Final = 429
_SILENT_SECONDS: Final = 3 * QUIET_SECONDS
"""A daemon that says nothing for so long does not live."""


def facts_route(followers: Followers) -> Route:
    """For the control socket. Query: `event` (several), `level`, `plugin`, `chat`."""

    async def follow_facts(request: Request) -> Response:
        level = request.value("level", "debug")
        if level not in LEVELS:
            return of_json({"detail": f"level: one of {', '.join(LEVELS)}"}, status=_MISTAKEN)
        if followers.is_full:
            detail = f"{MOST_FOLLOWERS} follow already"
            return of_json({"detail": detail}, status=_TOO_MANY)
        wanted = FactFilter(
            events=request.values("event"),
            level=level,
            plugin=request.value("plugin"),
            chat_id=request.value("chat"),
        )
        return Response(b"", content_type="application/x-ndjson", lines=_lines(followers, wanted))

    return Route("GET", PATH, follow_facts)


async def _lines(followers: Followers, wanted: FactFilter) -> AsyncIterator[str]:
    with followers.following(wanted) as follower:
        # At once, so that whoever asks knows that nothing is missed from here on.
        yield "\n"
        async for line in follower.lines():
            yield line


def follow(state_dir: Path, query: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """
    What happens in the daemon that runs on this state directory, until it ends.

    Yields:
        Facts; first, and while nothing happens, empty ones.

    Raises:
        NoDaemonError: None runs, or it has ended.
        ControlError: It does not answer as expected.
        StateDirectoryError: It is another user's.
    """
    path = state_dir / SOCKET_NAME
    try:
        with short_address(path) as address:
            require_listener(address)
            transport = transport_to(address)
            with (
                httpx.Client(
                    transport=transport, base_url="http://control", timeout=_SILENT_SECONDS
                ) as client,
                client.stream("GET", PATH, params=httpx.QueryParams(list(query))) as answer,
            ):
                if not answer.is_success:
                    raise ControlError(f"{path}: the daemon lets nobody follow: HTTP {answer.status_code}")
                for line in answer.iter_lines():
                    yield json.loads(line) if line else {}
        raise NoDaemonError(f"{path}: the daemon has ended")
    except PermissionError as exc:
        raise StateDirectoryError(
            "the daemon of another user", where=str(path), fix="Ask as that user, or as root."
        ) from exc
    except (httpx.TransportError, OSError) as exc:
        raise NoDaemonError(f"{path}: no daemon answers here") from exc
    except ValueError as exc:
        raise ControlError(f"{path}: the daemon does not answer as expected: {type(exc).__name__}") from exc
