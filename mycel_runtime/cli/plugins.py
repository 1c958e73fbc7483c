"""`mycel-runtime plugins`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples

if TYPE_CHECKING:
    from mycel_runtime.cli.target import Target
    from mycel_runtime.plugin.inventory import Known, PluginRow


@click.group()
def plugins() -> None:
    """List the plugins that there are, or begin one of your own."""


@plugins.command(epilog=examples("mycel-runtime plugins new greeter"))
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to; must not be there yet.  [default: ./NAME]"
)
def new(name: str, folder: Path | None) -> None:
    """Write a plugin that works: package, settings, tests, and an agent that runs it."""
    from mycel_runtime.cli.own_command import quoted
    from mycel_runtime.plugin.template import module_of, write_distribution

    module = module_of(name)
    place = folder or Path(name)
    write_distribution(name, place)
    click.echo(f"{place}: what it hears and says is in {place / module / 'handlers.py'}")
    click.echo(f"Try it:  cd {quoted(place)} && pytest")
    click.echo("Run it:  mycel-runtime run --config agent.toml")


@plugins.command("list", epilog=examples("mycel-runtime plugins list --config agent.toml"))
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="Those that an agent has, and how they are; by default all that are installed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(config: Path | None, *, as_json: bool) -> None:
    """
    Every plugin with version, origin, state, handlers and their next calls.

    Each is imported in a process of its own. What an agent does with them is asked of its daemon, or else read from
    its journal.
    """
    import json
    from dataclasses import asdict

    from mycel_runtime.plugin.inventory import installed_plugins, plugins_of

    if config is None:
        rows = installed_plugins()
    else:
        from mycel_runtime.settings import load_settings
        from mycel_runtime.units.installed import find_unit

        settings = load_settings(config)
        unit = find_unit(config, settings.agent.name, os.environ)
        handed_over = unit.credentials if unit else {}
        rows = plugins_of(settings.plugins, config, known=_known(config), credentials=handed_over)
    for row in rows:
        click.echo(json.dumps(asdict(row), ensure_ascii=False) if as_json else _line(row))


def _known(config: Path) -> Known:
    """What the agent tells; who cannot be asked, or read, keeps nothing else from being listed."""
    from mycel_runtime.cli.target import target_of
    from mycel_runtime.errors import ControlError, NoDaemonError
    from mycel_runtime.plugin.inventory import NOTHING_KNOWN

    target = target_of(config)
    try:
        return _asked(target)
    except NoDaemonError:
        # Nobody runs who could tell; what was planned stands in the journal all the same.
        return _kept(target)
    except ControlError as exc:
        click.echo(f"{exc}", err=True)
        return NOTHING_KNOWN


def _kept(target: Target) -> Known:
    """What the journal tells; if it cannot be read, nothing."""
    from mycel_runtime.errors import JournalError, JournalFileError
    from mycel_runtime.plugin.inventory import NOTHING_KNOWN

    try:
        return _read(target)
    except (JournalError, JournalFileError) as exc:
        click.echo(f"{exc}", err=True)
        return NOTHING_KNOWN


def _asked(target: Target) -> Known:
    from mycel_runtime.plugin.agenda import PlannedFiring
    from mycel_runtime.plugin.inventory import Known

    names, timers = target.ask("plugins"), target.ask("timers")
    return Known(**names, planned=[PlannedFiring(**row) for row in timers])


def _read(target: Target) -> Known:
    from mycel_runtime.daemon.upkeep.at_rest import list_at_rest
    from mycel_runtime.plugin.agenda import PlannedFiring
    from mycel_runtime.plugin.inventory import Known

    return Known(planned=[PlannedFiring(**row) for row in list_at_rest(target.engine, "timers")])


def _line(row: PluginRow) -> str:
    from mycel_runtime.observe.rendering import without_controls

    place = "in a process of its own" if row.is_isolated else ""
    head = "  ".join(part for part in (row.name, row.version, row.origin, row.state, place) if part)
    more = [*_handlers(row), *(text for text in (row.problem, row.fix) if text)]
    return "\n".join([without_controls(head), *(f"    {without_controls(each)}" for each in more)])


def _handlers(row: PluginRow) -> list[str]:
    firings = {firing.handler: f"; {firing}" for firing in row.next_firings}
    return [f"{handler}{firings.get(handler.partition(': ')[0], '')}" for handler in row.handlers]
