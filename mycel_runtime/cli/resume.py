"""`mycel-runtime resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import complete_plugin, configs_option, stopped_options

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.target import Target


@click.command(
    epilog=examples(
        "mycel-runtime resume --config agent.toml greeter",
        "mycel-runtime resume --config /etc/mycel-runtime/agents",
    )
)
@configs_option
@stopped_options
@click.argument("name", required=False, shell_complete=complete_plugin)
@click.pass_context
def resume(
    ctx: click.Context, config: Path, name: str | None, chat_id: str | None, plugin: str | None
) -> None:
    """
    Let what was stopped go on: a paused agent, or the chat or plugin of this NAME.

    Whoever has stopped it: `mycel-runtime pause`, the loop guard that holds a chat, a plugin's own failures.
    `mycel-runtime status` shows all of them. `twin` lets the agent speak again after somebody else spoke in its name;
    what was answered meanwhile becomes dead letters. What has waited is due at once, in order. Of a folder: each
    agent that was stopped.
    """
    from mycel_runtime.cli.every_agent import each_agent, name_before

    if name and (chat_id or plugin):
        raise click.UsageError("NAME says all; --chat or --plugin beside it is one too many")
    kind = "chat" if chat_id else "plugin" if plugin else ""
    named = name or chat_id or plugin or ""
    ctx.exit(
        each_agent(config, lambda target: _resume(target, named, kind, before=name_before(config, target)))
    )


def _resume(target: Target, named: str, kind: str, *, before: str) -> int:
    from mycel_runtime.cli.every_agent import NothingToDoError
    from mycel_runtime.cli.stopped import resume_by

    match resume_by(target, named, kind):
        case "":
            what = (
                f"neither a chat nor a plugin that was stopped: {named}"
                if named
                else "the agent is not paused"
            )
            raise NothingToDoError(what)
        case "agent":
            click.echo(f"agent {target.name} goes on")
        case "speech":
            click.echo(f"{before}the agent speaks again")
        case resumed:
            click.echo(f"{before}{resumed} {named} goes on")
    return 0
