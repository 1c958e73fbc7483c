"""`mycel-runtime dump`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
def dump(config: Path) -> None:
    """
    Show what the running daemon does right now: its tasks and threads, and where each of them waits.

    Files, lines and functions; no values. Exit code 75 if it does not answer, with how to see why.

    Example: mycel-runtime dump --config agent.toml
    """
    from mycel_runtime.cli.target import only_running_target_of
    from mycel_runtime.observe.rendering import lines_without_controls

    click.echo(lines_without_controls(only_running_target_of(config).dump()), nl=False)
