"""`mycel-runtime mcp`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
def mcp(config: Path) -> None:
    """
    Serve Mycel as tools to a client of the Model Context Protocol, over standard input and output.

    The client reads and speaks as the agent, through its running daemon; it needs no token.
    """
    import asyncio
    import signal

    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.daemon.control import ask_status

    target = only_target_of(config)
    _require_extra()
    ask_status(target.state_dir)
    from mycel_runtime.mcp_server.server import serve_stdio

    # A thread waits for standard input, and Python would wait for the thread.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve_stdio(target.state_dir))


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
