"""`mycel-runtime status`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import checked_worker, configs_option
from mycel_runtime.cli.status_filter import StatusFilter, filter_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.cli.status_table import Row


@click.command(
    epilog=examples(
        "mycel-runtime status codex-a",
        "mycel-runtime status --config /etc/mycel-runtime --attention",
        "mycel-runtime status --config /etc/mycel-runtime --state not-ready --name 'codex-*' --sort oldest",
        "mycel-runtime status --config agent.toml --worker second",
        "mycel-runtime status --watch",
    )
)
@click.argument("which", required=False, metavar="[FILE|FOLDER|UNIT]")
@configs_option
@click.option(
    "--worker",
    metavar="NAME",
    callback=checked_worker,
    help="Of the worker of this name on this host, in the agent's place.",
)
@click.option("--watch", "is_watched", is_flag=True, help="Show it anew all the time, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Of --watch, in seconds.",
)
@filter_options
@click.option("--full", is_flag=True, help="Of a folder everything, and not a line for each agent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of --json, and ask nobody.")
@click.pass_context
def status(
    ctx: click.Context,
    /,
    which: str | None,
    config: Path,
    *,
    worker: str | None,
    is_watched: bool,
    interval: float,
    full: bool,
    as_json: bool,
    schema: bool,
    **filters: Any,
) -> None:
    """
    Ask the running daemon how it is.

    One agent by its file or its unit, or several by a folder of files, as a table.
    Exit code 0 while hearing is proven, 75 while it is not or nobody runs. Of a folder: the worst of all. A file that
    has become wrong under a running daemon is told beside its status.
    """
    from mycel_runtime.cli.target import config_of

    if schema:
        from mycel_runtime.daemon.status import schema_text

        click.echo(schema_text(), nl=False)
        return
    path = config if which is None else config_of(which)

    wanted = StatusFilter(**filters)
    if is_watched:
        _watch(path, wanted, worker, interval=interval, full=full, as_json=as_json)
        return
    ctx.exit(_show_once(path, wanted, worker, full=full, as_json=as_json))


def _show_once(path: Path, wanted: StatusFilter, worker: str | None, *, full: bool, as_json: bool) -> int:
    """The exit code."""
    from mycel_runtime.cli.asked_status import EXIT_NOT_READY, ask_each, row_of
    from mycel_runtime.cli.neighbours import Neighbours
    from mycel_runtime.daemon.agents import config_files

    files = config_files([path])
    if len(files) == 1 and not path.is_dir():
        row = row_of(files[0], Neighbours(), worker)
        if wanted.is_wanted(row):
            click.echo("\n".join(_printed([row], indent=2, full=True, as_json=as_json)))
        _tell_mistakes([row])
        if worker is None:
            _tell_token(files[0])
        return 0 if row.is_ready else EXIT_NOT_READY
    asked = ask_each(files, worker)
    for file, each in zip(files, asked, strict=True):
        if each.error is not None:
            click.echo(f"{file}: {each.error}", err=True)
    rows = [each.row for each in asked]
    if shown := _printed(wanted.of(rows), indent=None, full=full, as_json=as_json):
        click.echo("\n".join(shown))
    _tell_mistakes(rows)
    return max(each.exit_code for each in asked)


def _tell_token(file: Path) -> None:
    """That its unit hands over another token by now than the daemon was given, where this user can tell."""
    from mycel_runtime.cli.target import running_target_of

    target = running_target_of(file)
    if (token := target.outdated_token()) is not None:
        click.echo(f"{target.name} needs a restart: {token.difference}: {token.restart}", err=True)


def _tell_mistakes(rows: Sequence[Row]) -> None:
    """What is wrong with the files of those that answer all the same."""
    for row in rows:
        if row.status is not None and row.trouble:
            click.echo(f"{row.name} goes on with what it has read before: {row.trouble}", err=True)


def _printed(rows: Sequence[Row], *, indent: int | None, full: bool, as_json: bool) -> list[str]:
    from mycel_runtime.cli.status_lines import lines_of
    from mycel_runtime.cli.status_table import table_of
    from mycel_runtime.observe.rendering import without_controls

    if as_json:
        return [row.status.model_dump_json(indent=indent) for row in rows if row.status]
    if full:
        return [without_controls(line) for row in rows if row.status for line in lines_of(row.status)]
    return [without_controls(line) for line in table_of(rows)] if rows else []


def _watch(
    path: Path, wanted: StatusFilter, worker: str | None, *, interval: float, full: bool, as_json: bool
) -> None:
    """Whoever does not answer is waited for: it may be restarted meanwhile."""
    import time

    from mycel_runtime.cli.asked_status import ask_each
    from mycel_runtime.cli.live import watch
    from mycel_runtime.daemon.agents import config_files
    from mycel_runtime.errors import ControlError

    # A mistake in a file is told at once, and not on a screen that is gone afterwards.
    files = config_files([path])
    is_alone = len(files) == 1 and not path.is_dir()

    def asked_rows() -> list[Row]:
        asked = ask_each(files, worker)
        for error in (each.error for each in asked):
            if error is not None and not isinstance(error, ControlError):
                raise error
        return [
            replace(each.row, trouble=str(each.error).partition("\n")[0]) if each.error else each.row
            for each in asked
        ]

    def draw() -> list[str]:
        rows = wanted.of(asked_rows())
        if as_json:
            return _printed(rows, indent=None, full=full, as_json=True)
        silent = [
            line
            for row in rows
            if row.status is None
            for line in (f"{row.name}: no answer, and asked again", f"  ! {row.trouble}")
        ]
        shown = _printed(rows, indent=None, full=full or is_alone, as_json=False)
        return [time.strftime("%H:%M:%S"), *shown, *(silent if full or is_alone else [])]

    watch(draw, interval=interval)
