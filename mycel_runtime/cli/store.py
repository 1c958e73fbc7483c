"""`mycel-runtime store`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.listing import print_rows
from mycel_runtime.cli.options import complete_plugin, config_option, configs_option
from mycel_runtime.cli.terminal import confirm
from mycel_runtime.counted import counted

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def store() -> None:
    """
    Look at what plugins remember; print it, or clear it.

    The daemon is asked; while none runs, it is done in the journal, under its lock.
    """


@store.command("list", epilog=examples("mycel-runtime store list --config agent.toml"))
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def list_(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """How much it is, by plugin and chat; never what it is."""
    ctx.exit(print_rows(config, "stores", _line, as_json=as_json))


@store.command(epilog=examples("mycel-runtime store export --config agent.toml --plugin echo"))
@config_option
@click.option("--plugin", shell_complete=complete_plugin, help="Of this plugin only.")
def export(config: Path, plugin: str | None) -> None:
    """Print all of it, one JSON object per line. It may hold what people have said."""
    import json

    from mycel_runtime.cli.target import only_running_target_of

    for item in only_running_target_of(config).list("items"):
        if plugin in {None, item["plugin"]}:
            click.echo(json.dumps(item))


@store.command(epilog=examples("mycel-runtime store clear --config agent.toml echo"))
@config_option
@click.argument("plugin", shell_complete=complete_plugin)
@click.option("--chat", "chat_id", help="What it remembers of this chat only.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
def clear(config: Path, plugin: str, chat_id: str | None, *, is_sure: bool) -> None:
    """Let a plugin forget what it remembers. Its timers stay."""
    from mycel_runtime.cli.target import only_running_target_of

    target = only_running_target_of(config)
    # Whoever has mistyped the name is told before he is asked.
    _require_remembered(plugin, [row["plugin"] for row in target.list("stores")], target.config)
    if not is_sure:
        confirm("It cannot be had back. Go on?")
    cleared = target.change("clear", plugin=plugin, chat_id=chat_id)
    if not cleared:
        raise click.ClickException(f"plugin {plugin} remembers nothing there; see: mycel-runtime store list")
    click.echo(f"{counted(cleared, 'item')} cleared")


def _require_remembered(plugin: str, remembering: list[str], config: Path) -> None:
    """
    Refuse a name of which nothing is remembered.

    Raises:
        ClickException: It is unknown, or remembers nothing.
    """
    from mycel_runtime.settings import load_settings

    if plugin in remembering:
        return
    if plugin in load_settings(config).plugins:
        raise click.ClickException(f"plugin {plugin} remembers nothing")
    known = ", ".join(sorted(set(remembering))) or "none"
    raise click.ClickException(f"no plugin {plugin} is known; those that remember something: {known}")


def _line(row: dict[str, Any]) -> str:
    from mycel_runtime.observe.rendering import without_controls

    where = f"chat {row['chat_id']}" if row["chat_id"] else "of its own"
    return without_controls(
        f"{row['plugin']}  {where}  {counted(row['items'], 'item')}  {counted(row['size'], 'character')}"
    )
