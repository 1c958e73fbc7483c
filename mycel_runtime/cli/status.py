"""`mycel-runtime status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mycel_runtime.cli.status_table import Row
    from mycel_runtime.cli.target import Target
    from mycel_runtime.daemon.status import Status

EXIT_NOT_READY: Final = 75


@click.command(
    epilog=examples(
        "mycel-runtime status codex-a",
        "mycel-runtime status --config /etc/mycel-runtime --attention",
        "mycel-runtime status --watch",
    )
)
@click.argument("which", required=False, metavar="[FILE|FOLDER|UNIT]")
@configs_option
@click.option("--watch", "is_watched", is_flag=True, help="Show it anew all the time, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Of --watch, in seconds.",
)
@click.option("--not-ready", is_flag=True, help="Only agents that are not ready.")
@click.option("--attention", is_flag=True, help="Only agents for which there is something to do.")
@click.option("--full", is_flag=True, help="Of a folder everything, and not a line for each agent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of --json, and ask nobody.")
@click.pass_context
def status(
    ctx: click.Context,
    which: str | None,
    config: Path,
    *,
    is_watched: bool,
    interval: float,
    not_ready: bool,
    attention: bool,
    full: bool,
    as_json: bool,
    schema: bool,
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

    def is_wanted(row: Row) -> bool:
        return not (not_ready and row.is_ready) and not (attention and not row.wants_attention)

    if is_watched:
        _watch(path, is_wanted, interval=interval, full=full, as_json=as_json)
        return
    ctx.exit(_show_once(path, is_wanted, full=full, as_json=as_json))


def _show_once(path: Path, is_wanted: Callable[[Row], bool], *, full: bool, as_json: bool) -> int:
    """The exit code."""
    from mycel_runtime.daemon.agents import config_files

    files = config_files([path])
    if len(files) == 1 and not path.is_dir():
        row = _row_of(files[0])
        if is_wanted(row):
            click.echo("\n".join(_printed([row], indent=2, full=True, as_json=as_json)))
        _tell_mistakes([row])
        _tell_token(files[0])
        return 0 if row.is_ready else EXIT_NOT_READY
    rows, codes = _asked(files)
    if shown := _printed(list(filter(is_wanted, rows)), indent=None, full=full, as_json=as_json):
        click.echo("\n".join(shown))
    _tell_mistakes(rows)
    return max(codes)


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


def _asked(files: Sequence[Path]) -> tuple[list[Row], list[int]]:
    """Each agent's answer, and its exit code; what is wrong with one hides no other."""
    from mycel_runtime.cli.status_table import Row
    from mycel_runtime.errors import MycelError

    rows, codes = list[Row](), list[int]()
    for file in files:
        try:
            row = _row_of(file)
        except MycelError as exc:
            click.echo(f"{file}: {exc}", err=True)
            rows.append(Row(name=file.stem, trouble=type(exc).__name__.removesuffix("Error")))
            codes.append(exc.exit_code)
        else:
            rows.append(row)
            codes.append(0 if row.is_ready else EXIT_NOT_READY)
    return rows, codes


def _row_of(file: Path) -> Row:
    from mycel_runtime.cli.status_table import Row
    from mycel_runtime.cli.target import running_target_of

    target = running_target_of(file)
    mistake = "" if target.mistake is None else str(target.mistake)
    return Row(name=target.name, status=_status_of(target), trouble=mistake)


def _status_of(target: Target) -> Status:
    """What its daemon says; that of the agents that it was to live with may know why there is none."""
    from mycel_runtime.errors import NoDaemonError

    try:
        return target.status()
    except NoDaemonError as exc:
        from mycel_runtime.cli.neighbours import why_away

        if (why := why_away(target)) is not None:
            raise why from exc
        raise


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
    path: Path, is_wanted: Callable[[Row], bool], *, interval: float, full: bool, as_json: bool
) -> None:
    """Whoever does not answer is waited for: it may be restarted meanwhile."""
    import time

    from mycel_runtime.cli.live import watch
    from mycel_runtime.cli.status_table import Row
    from mycel_runtime.daemon.agents import config_files
    from mycel_runtime.errors import ControlError

    # A mistake in a file is told at once, and not on a screen that is gone afterwards.
    files = config_files([path])
    is_alone = len(files) == 1 and not path.is_dir()

    def row_of(file: Path) -> Row:
        try:
            return _row_of(file)
        except ControlError as exc:
            return Row(name=file.stem, trouble=str(exc).partition("\n")[0])

    def draw() -> list[str]:
        rows = list(filter(is_wanted, map(row_of, files)))
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
