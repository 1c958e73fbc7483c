"""`mycel-runtime store`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.listing import counted, print_rows
from mycel_runtime.cli.options import config_option, configs_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def store() -> None:
    """
    Look at what plugins remember; print it, or clear it.

    The daemon is asked; while none runs, it is done in the journal, under its lock.
    """


@store.command("list")
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(config: Path, *, as_json: bool) -> None:
    """How much it is, by plugin and chat; never what it is."""
    print_rows(config, "stores", _line, as_json=as_json)


@store.command()
@config_option
@click.option("--plugin", help="Of this plugin only.")
def export(config: Path, plugin: str | None) -> None:
    """Print all of it, one JSON object per line. It may hold what people have said."""
    import json

    from mycel_runtime.cli.target import only_target_of

    for item in only_target_of(config).list("items"):
        if plugin in {None, item["plugin"]}:
            click.echo(json.dumps(item))


@store.command()
@config_option
@click.argument("plugin")
@click.option("--chat", "chat_id", help="What it remembers of this chat only.")
@click.confirmation_option(prompt="It cannot be had back. Go on?")
def clear(config: Path, plugin: str, chat_id: str | None) -> None:
    """Let a plugin forget what it remembers. Its timers stay."""
    from mycel_runtime.cli.target import only_target_of

    cleared = only_target_of(config).change("clear", plugin=plugin, chat_id=chat_id)
    if not cleared:
        raise click.ClickException(f"plugin {plugin} remembers nothing there")
    click.echo(f"{counted(cleared, 'item')} cleared")


def _line(row: dict[str, Any]) -> str:
    from mycel_runtime.observe.rendering import without_controls

    where = f"chat {row['chat_id']}" if row["chat_id"] else "of its own"
    return without_controls(
        f"{row['plugin']}  {where}  {counted(row['items'], 'item')}  {counted(row['size'], 'character')}"
    )
