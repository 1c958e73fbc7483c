"""`mycel-runtime reload`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.neighbours import Neighbours
    from mycel_runtime.cli.target import Target

EXIT_REFUSED: Final = 78


@click.command(
    epilog=examples(
        "mycel-runtime reload --config agent.toml", "mycel-runtime reload --config /etc/mycel-runtime/agents"
    )
)
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
@click.pass_context
def reload(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    Let the running agent read its file again, and wait until it has.

    What may change under it changes: plugins' settings from their next run on, the token of `[agent]`, `[log]`,
    `[guard]`, `[daemon]`, what `[journal]` keeps, and most of `[dispatch]`. What needs a restart is named. A file
    that is wrong changes nothing: exit code 78. Of a folder: the worst of all; an agent whose file was wrong at the
    start, or has come since, joins those that run, and one whose file has gone is drained and ends.
    """
    from mycel_runtime.cli.every_agent import each_agent
    from mycel_runtime.cli.neighbours import Neighbours

    neighbours = Neighbours()
    if config.is_dir():
        _tell_left(config, neighbours, as_json=as_json)
    ctx.exit(each_agent(config, lambda target: _reload(target, neighbours, as_json=as_json)))


def _tell_left(folder: Path, neighbours: Neighbours, *, as_json: bool) -> None:
    """Whose file has gone; first of all, so that a file may be given another name."""
    import json

    for name in neighbours.have_part(folder):
        click.echo(json.dumps({"agent": name, "left": True}) if as_json else f"{name}: has left")


def _reload(target: Target, neighbours: Neighbours, *, as_json: bool) -> int:
    """Of one agent; the exit code."""
    import json

    from mycel_runtime.daemon.reload.agent_reload import READ_SECONDS
    from mycel_runtime.errors import NoDaemonError

    try:
        report = target.order("reload", within=2 * READ_SECONDS)
    except NoDaemonError as exc:
        joined = None if exc.is_running else neighbours.have_join(target)
        if joined is None:
            raise
        report = joined
    _tell_token(target)
    if as_json:
        click.echo(json.dumps({"agent": target.name, **report}, ensure_ascii=False))
    else:
        _print(target.name, report)
    return EXIT_REFUSED if report["refused"] else 0


def _tell_token(target: Target) -> None:
    """The one thing of a file's that no reload takes: systemd hands it over at a start only."""
    if (token := target.outdated_token()) is not None:
        click.echo(f"{target.name} needs a restart: {token.difference}: {token.restart}", err=True)


def _print(name: str, report: dict[str, Any]) -> None:
    if report["refused"]:
        still = "still not there" if "joined" in report else "nothing has changed"
        click.echo(f"{name}: {still}: {report['refused']}", err=True)
        return
    if "joined" in report:
        click.echo(f"{name}: has joined")
        return
    click.echo(f"{name}: changed: {', '.join(report['changed']) or 'nothing'}")
    if report["needs_restart"]:
        click.echo(f"{name}: needs a restart: {', '.join(report['needs_restart'])}")
