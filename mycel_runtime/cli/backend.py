"""`mycel-runtime backend`: the local backend as a process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from mycel_runtime.backend.server import BackendOptions


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8042, show_default=True, help="Port; 0 for any free one.")
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file; without it all is in memory.",
)
@click.option("--generation", type=click.Choice(["a", "b"]), default="b", show_default=True)
@click.option("--profile", type=click.Choice(["full", "communication"]), default="full", show_default=True)
@click.pass_context
def backend(
    ctx: click.Context,
    host: str,
    port: int,
    database: Path | None,
    generation: Literal["a", "b"],
    profile: Literal["full", "communication"],
) -> None:
    """A local Mycel backend, for development."""
    if ctx.invoked_subcommand is not None:
        return
    from mycel_runtime.backend.server import BackendOptions

    click.echo("A backend for development: no rate limits, no backups, plain HTTP.", err=True)
    if host not in {"127.0.0.1", "::1", "localhost"}:
        click.echo(f"warning: {host} is not loopback: others can reach this backend.", err=True)
    _serve(BackendOptions(host=host, port=port, database=database, generation=generation, profile=profile))


def _serve(options: BackendOptions) -> None:
    """Until SIGINT or SIGTERM."""
    import asyncio
    import signal

    from mycel_runtime.backend.server import serve

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(options, started=lambda url: click.echo(f"listening on {url}"), stop=stop)

    asyncio.run(run())
