"""`mycel-runtime pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option, stopped_options

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.target import Target


@click.command(
    epilog=examples(
        "mycel-runtime pause --config agent.toml --plugin greeter",
        "mycel-runtime pause --config /etc/mycel-runtime/agents",
    )
)
@configs_option
@stopped_options
@click.pass_context
def pause(ctx: click.Context, config: Path, chat_id: str | None, plugin: str | None) -> None:
    """
    Let the agent, one chat or one plugin rest until `mycel-runtime resume`.

    What comes in is heard and kept, and waits; nothing is read, run or said. A restart does not end it. What runs
    when it begins says nothing more, and is run again afterwards. Works on a daemon, and on a journal whose daemon
    does not run; of a folder, on each agent.
    """
    from mycel_runtime.cli.every_agent import each_agent, name_before

    kind, name = ("chat", chat_id) if chat_id else ("plugin", plugin) if plugin else ("agent", "")
    ctx.exit(
        each_agent(
            config, lambda target: _pause(target, kind, name or "", before=name_before(config, target))
        )
    )


def _pause(target: Target, kind: str, name: str, *, before: str) -> int:
    from mycel_runtime.cli.every_agent import NothingToDoError
    from mycel_runtime.cli.stopped import pause_by

    paused, is_heard = pause_by(target, kind, name)
    if paused == "unknown":
        raise NothingToDoError(f"the agent has no plugin {name}; see mycel-runtime plugins list")
    what = f"{before}{kind} {name}" if name else f"agent {target.name}"
    click.echo(f"{what} is paused" if paused == "begun" else f"{what} was paused already")
    if not is_heard:
        click.echo(f"{before}the agent has heard nothing of chat {name} yet: is that its id?", err=True)
    return 0
