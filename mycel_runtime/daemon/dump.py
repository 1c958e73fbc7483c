"""`GET /dump`: what the process does right now, for a person; and how it is asked for, also where nobody answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

import httpx

from mycel_runtime.daemon.control import require_listener, short_address, transport_to
from mycel_runtime.daemon.control_routes import Route, of_text
from mycel_runtime.daemon.state_dir import SOCKET_NAME
from mycel_runtime.errors import ControlError, NoDaemonError, StateDirectoryError
from mycel_runtime.observe.stacks import as_text, task_stacks, thread_stacks

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.daemon.control_routes import Request, Response

PATH: Final = "/dump"

ANSWER_SECONDS: Final = 3.0
"""A loop that has not answered until then is stuck, or might as well be."""

_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user, group. Source: unix(7), SO_PEERCRED."""


def dump_route() -> Route:
    """For the control socket."""
    return Route("GET", PATH, _dump)


def ask_dump(state_dir: Path) -> str:
    """
    The stacks of the daemon that runs on this state directory, as text.

    Raises:
        NoDaemonError: None runs.
        ControlError: It does not answer: its loop is stuck; names its process, and what shows why.
        StateDirectoryError: It is another user's.
    """
    path = state_dir / SOCKET_NAME
    try:
        with short_address(path) as address:
            require_listener(address)
            transport = transport_to(address)
            with httpx.Client(
                transport=transport, base_url="http://control", timeout=ANSWER_SECONDS
            ) as client:
                return client.get(PATH).raise_for_status().text
    except PermissionError as exc:
        raise StateDirectoryError(
            "the daemon of another user", where=str(path), fix="Ask as that user, or as root."
        ) from exc
    except httpx.TimeoutException as exc:
        process = _listening_process(path) or "PID"
        raise ControlError(
            f"{path}: the daemon's loop has not answered within {ANSWER_SECONDS:g} s: it is stuck\n"
            f"  Let it write to its log where: kill -USR1 {process}"
        ) from exc
    except (httpx.ConnectError, OSError) as exc:
        raise NoDaemonError(f"{path}: no daemon answers here") from exc
    except httpx.HTTPError as exc:
        raise ControlError(f"{path}: the daemon does not answer as expected: {type(exc).__name__}") from exc


async def _dump(_request: Request) -> Response:
    loop = asyncio.get_running_loop()
    # By another thread, which sees what this one does.
    threads = await asyncio.to_thread(thread_stacks)
    tasks = task_stacks(loop)
    texts = [
        *(as_text("thread", stack) for stack in threads),
        *(as_text("task", stack) for stack in tasks),
    ]
    return of_text("\n\n".join(texts) + "\n")


def _listening_process(path: Path) -> int | None:
    """Of whoever has begun to listen; where the kernel tells (Linux)."""
    if sys.platform != "linux":
        return None
    with (
        contextlib.suppress(OSError),
        short_address(path) as address,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel,
    ):
        channel.settimeout(ANSWER_SECONDS)
        channel.connect(address)
        told = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, _, _ = _CREDENTIALS.unpack(told)
        return int(process)
    return None
