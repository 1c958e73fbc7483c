"""`mycel-runtime version`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples

if TYPE_CHECKING:
    from mycel_runtime.cli.target import Target


@click.command(epilog=examples("mycel-runtime version", "mycel-runtime version --config /etc/mycel-runtime"))
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="Tell also which version runs: of an agent's TOML file, or of a folder of them.",
)
@click.pass_context
def version(ctx: click.Context, config: Path | None) -> None:
    """Print the version that is installed; with --config also the one that runs."""
    from importlib.metadata import version as version_of

    installed = version_of("mycel-runtime")
    click.echo(installed)
    if config is None:
        return
    from mycel_runtime.cli.every_agent import each_agent

    ctx.exit(each_agent(config, lambda target: _tell(target, installed)))


def _tell(target: Target, installed: str) -> int:
    click.echo(f"{target.name}: {_running(target, installed)}")
    return 0


def _running(target: Target, installed: str) -> str:
    """What is told of an agent; one that cannot be asked hides no other."""
    from mycel_runtime.errors import MycelError, NoDaemonError

    try:
        running = target.status().version
    except NoDaemonError:
        return "does not run"
    except MycelError as exc:
        if exc is target.mistake:
            raise
        return str(exc).partition("\n")[0]
    return f"{running} runs" + ("" if running == installed else f"; restart it to use {installed}")
