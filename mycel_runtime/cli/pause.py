"""`mycel-runtime pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option, stopped_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=examples("mycel-runtime pause --config agent.toml --plugin greeter"))
@config_option
@stopped_options
def pause(config: Path, chat_id: str | None, plugin: str | None) -> None:
    """
    Let the agent, one chat or one plugin rest until `mycel-runtime resume`.

    What comes in is heard and kept, and waits; nothing is read, run or said. A restart does not end it. What runs
    when it begins says nothing more, and is run again afterwards. Works on a daemon, and on a journal whose daemon
    does not run.
    """
    from mycel_runtime.cli.stopped import pause_by
    from mycel_runtime.cli.target import only_target_of

    kind, name = ("chat", chat_id) if chat_id else ("plugin", plugin) if plugin else ("agent", "")
    target = only_target_of(config)
    paused, is_heard = pause_by(target, kind, name or "")
    what = f"{kind} {name}" if name else f"agent {target.name}"
    if paused == "unknown":
        raise click.ClickException(f"the agent has no plugin {name}; see mycel-runtime plugins list")
    click.echo(f"{what} is paused" if paused == "begun" else f"{what} was paused already")
    if not is_heard:
        click.echo(f"the agent has heard nothing of chat {name} yet: is that its id?", err=True)
