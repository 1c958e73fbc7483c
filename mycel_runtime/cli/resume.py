"""`mycel-runtime resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.argument("name")
def resume(config: Path, name: str) -> None:
    """
    Let a chat that the loop guard holds speak again, or a plugin that was left alone run.

    NAME is a chat's id or a plugin's name; `mycel-runtime status` shows both.
    """
    from mycel_runtime.cli.target import only_target_of

    resumed = only_target_of(config).ask("resume", name=name)
    if not resumed:
        raise click.ClickException(f"neither a held chat nor a plugin that is left alone: {name}")
    click.echo(f"{resumed} {name} goes on")
