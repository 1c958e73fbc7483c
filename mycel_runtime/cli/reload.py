"""`mycel-runtime reload`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from pathlib import Path

EXIT_REFUSED: Final = 78


@click.command(epilog=examples("mycel-runtime reload --config agent.toml"))
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
@click.pass_context
def reload(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    Let the running agent read its file again, and wait until it has.

    What may change under it changes: plugins' settings from their next run on, the token of `[agent]`, `[log]`,
    `[guard]`, `[daemon]`, and most of `[dispatch]`. What needs a restart is named. A file that is wrong changes
    nothing: exit code 78. Of a folder: the worst of all.
    """
    from mycel_runtime.daemon.agents import config_files

    ctx.exit(max([_reload(path, as_json=as_json) for path in config_files([config])]))


def _reload(config: Path, *, as_json: bool) -> int:
    """Of one agent; the exit code. What is wrong with this one hides no other."""
    import json

    from mycel_runtime.cli.target import target_of
    from mycel_runtime.daemon.control import give_order
    from mycel_runtime.daemon.reload.agent_reload import READ_SECONDS
    from mycel_runtime.errors import MycelError

    try:
        target = target_of(config)
        report = give_order(target.state_dir, "reload", within=2 * READ_SECONDS)
    except MycelError as exc:
        click.echo(f"{config}: {exc}", err=True)
        return exc.exit_code
    if as_json:
        click.echo(json.dumps({"agent": target.name, **report}, ensure_ascii=False))
    else:
        _print(target.name, report)
    return EXIT_REFUSED if report["refused"] else 0


def _print(name: str, report: dict[str, Any]) -> None:
    if report["refused"]:
        click.echo(f"{name}: nothing has changed: {report['refused']}", err=True)
        return
    click.echo(f"{name}: changed: {', '.join(report['changed']) or 'nothing'}")
    if report["needs_restart"]:
        click.echo(f"{name}: needs a restart: {', '.join(report['needs_restart'])}")
