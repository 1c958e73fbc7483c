"""`mycel-runtime mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from mycel_runtime.cli.target import Target
    from mycel_runtime.mcp_server.answered_run import AnsweredRun


@click.command(
    epilog=examples(
        "mycel-runtime mcp --config agent.toml", "mycel-runtime mcp --config agent.toml --http 8090"
    )
)
@config_option
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    help="Serve on this loopback port instead; 0: a free one.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="With --http: what clients send; made if it is not there.  [default: mcp.token in the state directory]",
)
def mcp(config: Path, port: int | None, token_file: Path | None) -> None:
    """
    Serve Mycel as tools to a client of the Model Context Protocol, over standard input and output.

    The client reads and speaks as the agent, through its running daemon; it needs no token of Mycel's. Started by an
    agent that a handler lets work (`ctx.tools`), it speaks as that handler's run, and needs no configuration.
    """
    import os

    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.daemon.control import ask_status
    from mycel_runtime.mcp_server.answered_run import AnsweredRun

    if token_file is not None and port is None:
        raise click.UsageError("--token-file is for --http")
    if (run := AnsweredRun.of(os.environ)) is not None:
        if port is not None:
            raise click.UsageError("--http is not for an agent that a handler lets work")
        _require_extra()
        ask_status(run.state_dir)
        _serve_stdio(run.state_dir, run)
        return
    target = only_target_of(config)
    _require_extra()
    target.status()
    if port is not None:
        _serve_loopback(target, port, token_file)
        return
    _serve_stdio(target.state_dir, None)


def _serve_stdio(state_dir: Path, run: AnsweredRun | None) -> None:
    """Until the client closes standard input."""
    import asyncio
    import signal

    from mycel_runtime.mcp_server.server import serve_stdio

    # A thread waits for standard input, and Python would wait for the thread.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve_stdio(state_dir, run))


def _serve_loopback(target: Target, port: int, token_file: Path | None) -> None:
    """
    Over HTTP, until a signal.

    Raises:
        UnavailableError: The port is taken.
        ConfigError: The token's file cannot be used.
    """
    import asyncio
    import socket

    from mycel_runtime.errors import UnavailableError
    from mycel_runtime.mcp_server.loopback import HOST, KEPT_IN, PATH, serve_loopback, token_in

    path = token_file or target.state_dir / KEPT_IN
    token = token_in(path)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            # Whoever reads the line below may connect at once, and waits for what is still imported.
            listener.listen()
        except OSError as exc:
            raise UnavailableError(
                f"port {port} cannot be had: {exc.strerror}", fix="Choose another with --http, or 0."
            ) from exc
        click.echo(f"listening on http://{HOST}:{listener.getsockname()[1]}{PATH}; the token is in {path}")
        asyncio.run(serve_loopback(target.state_dir, listener, token))


def _require_extra() -> None:
    """
    Refuse to go on without the library.

    Raises:
        ConfigError: It is not installed.
    """
    from importlib.util import find_spec

    from mycel_runtime.errors import ConfigError

    if find_spec("mcp_types") is None:
        raise ConfigError(
            "the library of the Model Context Protocol is not installed",
            fix="Install the extra: pip install 'mycel-runtime[mcp]'",
        )
