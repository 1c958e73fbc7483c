"""`mycel-runtime plugins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mycel_runtime.plugin.inventory import PluginRow


@click.group()
def plugins() -> None:
    """List the plugins that there are, or begin one of your own."""


@plugins.command()
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to; must not be there yet.  [default: ./NAME]"
)
def new(name: str, folder: Path | None) -> None:
    """Write a plugin that works: package, settings, tests, and an agent that runs it."""
    from mycel_runtime.plugin.template import module_of, write_distribution

    module = module_of(name)
    place = folder or Path(name)
    write_distribution(name, place)
    click.echo(f"{place}: what it hears and says is in {place / module / 'handlers.py'}")
    click.echo(f"Try it:  cd {_quoted(place)} && pytest")
    click.echo("Run it:  mycel-runtime run --config agent.toml")


@plugins.command("list")
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="Those that an agent has, and how they are; by default all that are installed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(config: Path | None, *, as_json: bool) -> None:
    """Every plugin with version, origin, state and handlers; each is imported in a process of its own."""
    import json
    from dataclasses import asdict

    from mycel_runtime.plugin.inventory import installed_plugins, plugins_of

    if config is None:
        rows = installed_plugins()
    else:
        from mycel_runtime.settings import load_settings

        rows = plugins_of(load_settings(config).plugins, config, left_alone=_left_alone(config))
    for row in rows:
        click.echo(json.dumps(asdict(row), ensure_ascii=False) if as_json else _line(row))


def _left_alone(config: Path) -> frozenset[str]:
    """The plugins that a running daemon leaves alone."""
    from mycel_runtime.cli.target import target_of
    from mycel_runtime.daemon.control import ask_status
    from mycel_runtime.errors import ControlError

    try:
        status = ask_status(target_of(config).state_dir)
    except ControlError:
        return frozenset()
    return frozenset(status.work.quarantined)


def _line(row: PluginRow) -> str:
    from mycel_runtime.observe.logs import without_controls

    head = "  ".join(part for part in (row.name, row.version, row.origin, row.state) if part)
    more = [*row.handlers, *(text for text in (row.problem, row.fix) if text)]
    return "\n".join([without_controls(head), *(f"    {without_controls(each)}" for each in more)])


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
