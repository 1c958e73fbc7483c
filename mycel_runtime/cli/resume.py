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

    NAME is a chat's id or a plugin's name; `mycel-runtime status` shows both. `twin` lets the agent speak again after
    somebody else spoke in its name; what was answered meanwhile becomes dead letters.
    """
    from mycel_runtime.cli.target import only_target_of

    resumed = only_target_of(config).ask("resume", name=name)
    if not resumed:
        raise click.ClickException(f"neither a held chat nor a plugin that is left alone: {name}")
    if resumed == "speech":
        click.echo("the agent speaks again")
        return
    click.echo(f"{resumed} {name} goes on")
