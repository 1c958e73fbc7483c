"""
The control socket: faults and the owner's tools from another process.

One JSON object per line and answer: `{"verb": …, "arguments": {…}}` gets `{"result": …}` or `{"error": …}`.
The socket is for its owner only, by its mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.backend import script
from mycel_runtime.backend.operator import VERBS, Operator
from mycel_runtime.backend.world.refusal import Refused
from mycel_runtime.errors import ConfigError, ControlError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mycel_runtime.backend.service import Service

ANSWER_SECONDS: Final = 30.0


def default_folder() -> Path:
    """Where control sockets of this user's backends are, unless told otherwise."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "mycel" if runtime else Path(tempfile.gettempdir()) / f"mycel-{os.getuid()}"


def socket_path(path: Path, port: int) -> Path:
    """The socket itself: in a folder it is named after the backend's port."""
    return path / f"backend-{port}.sock" if path.is_dir() else path


@contextlib.asynccontextmanager
async def listening(path: Path, service: Service) -> AsyncIterator[None]:
    """
    Take orders as long as the context lasts.

    Raises:
        ConfigError: The socket cannot be made.
    """

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(_obey_line(service, line)).encode() + b"\n")
                await writer.drain()

    server = await asyncio.start_unix_server(converse, sock=_bind(path))
    try:
        yield
    finally:
        server.close()
        _remove(path)


def _bind(path: Path) -> socket.socket:
    """A socket that nobody but its owner may open."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        _remove(path)
        listener.bind(str(path))
        path.chmod(0o600)
    except OSError as exc:
        listener.close()
        raise ConfigError(f"no control socket: {exc}", where=str(path), fix="Name another path.") from exc
    return listener


def _remove(path: Path) -> None:
    """An old socket is in the way of a new one."""
    path.unlink(missing_ok=True)


def ask(path: Path, verb: str, /, **arguments: Any) -> Any:
    """
    Give an order to a running backend and wait for what comes of it.

    Raises:
        ControlError: Nobody is there, or the order was refused.
    """
    order = json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWER_SECONDS)
            line.connect(str(path))
            line.sendall(order)
            answer = json.loads(line.makefile("rb").readline())
    except (OSError, ValueError) as exc:
        raise ControlError(f"{path}: no backend answers there ({exc})") from exc
    if "error" in answer:
        raise ControlError(answer["error"])
    return answer["result"]


def obey(service: Service, verb: str, arguments: dict[str, Any]) -> object:
    """
    Carry an order out, in the backend's loop.

    Raises:
        ControlError: It makes no sense, or the world refuses it.
    """
    try:
        return _run(service, verb, arguments)
    except Refused as exc:
        raise ControlError(str(exc.detail)) from exc
    except (ConfigError, TypeError, ValueError, KeyError) as exc:
        raise ControlError(str(exc)) from exc


def _obey_line(service: Service, line: bytes) -> dict[str, Any]:
    try:
        order = json.loads(line)
        return {"result": obey(service, order["verb"], order["arguments"])}
    except (ControlError, ValueError, TypeError, KeyError) as exc:
        return {"error": str(exc)}


def _run(service: Service, verb: str, arguments: dict[str, Any]) -> object:
    if verb == "fault":
        script.order(service.faults, arguments.pop("name"), arguments)
        return None
    if verb == "script":
        script.play(service.faults, script.parse(arguments["text"], arguments["where"]))
        return None
    if verb not in VERBS:
        raise ConfigError(f"no such verb: {verb}")
    return getattr(Operator(service), verb)(**arguments)
