"""The library's server with our tools, over HTTP on this machine only, for clients that hold a token."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import signal
from typing import TYPE_CHECKING, Final

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from typing_extensions import override

from mycel_runtime.errors import ConfigError
from mycel_runtime.mcp_server.daemon_door import DaemonDoor
from mycel_runtime.mcp_server.server import make_server
from mycel_runtime.mcp_server.toolbox import Toolbox
from mycel_runtime.mcp_server.view import View
from mycel_runtime.settings import read_token_file

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST: Final = "127.0.0.1"
PATH: Final = "/mcp"
KEPT_IN: Final = "mcp.token"
"""In the state directory, unless another file is named."""

_GRACE_SECONDS: Final = 1
_TOKEN_BYTES: Final = 32


def token_in(path: Path) -> SecretStr:
    """
    What clients have to send; drawn and written down, for its owner only, if there is no such file.

    Raises:
        ConfigError: The file cannot be made, holds no token, or can be read by others.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token_file(path)
    except OSError as exc:
        raise ConfigError(
            f"cannot write the token: {exc.strerror}",
            where=str(path),
            fix="Name another file by --token-file.",
        ) from exc
    with os.fdopen(file, "w") as new:
        new.write(secrets.token_urlsafe(_TOKEN_BYTES) + "\n")
    return read_token_file(path)


class TokenGate:
    """
    Lets nobody through who does not send the token.

    Args:
        app: Behind it.
        token: As a bearer token.
    """

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self._app = app
        self._expected = b"Bearer " + token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass on."""
        if scope["type"] == "http":
            sent = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(sent, self._expected):
                refusal = PlainTextResponse(
                    "send the token: Authorization: Bearer …",
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class LoopbackServer(uvicorn.Server):
    """uvicorn without its hands on the process's signals."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """`serve` returns soon."""
        self.should_exit = True


def loopback_server(toolbox: Toolbox, listener: socket.socket, token: SecretStr) -> LoopbackServer:
    """
    A server on a bound loopback socket; `stop` ends it.

    Requests for other names than this address's, as a page in a browser makes them whose name leads here, are
    refused, and so are those that a page of another origin makes.
    """
    port = listener.getsockname()[1]
    places = [f"{host}:{port}" for host in (HOST, "localhost")]
    app = make_server(toolbox).streamable_http_app(
        streamable_http_path=PATH,
        transport_security=TransportSecuritySettings(
            allowed_hosts=places, allowed_origins=[f"http://{place}" for place in places]
        ),
    )
    config = uvicorn.Config(
        TokenGate(app, token),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="critical",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return LoopbackServer(config)


async def serve_loopback(state_dir: Path, listener: socket.socket, token: SecretStr) -> None:
    """
    Serve until SIGINT or SIGTERM. All clients are one to the daemon: what one has read, the others have.

    Args:
        state_dir: Of the agent whose daemon runs.
        listener: Bound to loopback.
        token: What clients have to send.

    Cancelling: what was to be said may be said.
    """
    async with DaemonDoor(state_dir) as door:
        server = loopback_server(Toolbox(door=door, view=View()), listener, token)

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve(sockets=[listener])
