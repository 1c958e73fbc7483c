"""`mycel-runtime unit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import checked_worker, configs_option

if TYPE_CHECKING:
    from mycel_runtime.setup.unit_file import WrittenUnit


@click.command(
    epilog=examples(
        "mycel-runtime unit --config /etc/mycel-runtime/codex-a.toml --install",
        "mycel-runtime unit --config /etc/mycel-runtime/agents --install",
        "mycel-runtime unit --config codex-a.toml > /etc/systemd/system/mycel-runtime-codex-a.service",
        "mycel-runtime unit --config codex-a.toml --user --install",
        "mycel-runtime unit --config /etc/mycel-runtime/agents --worker second --install",
    )
)
@configs_option
@click.option("--user", "is_for_user", is_flag=True, help="For your own systemd, without the sandbox.")
@click.option(
    "--worker",
    metavar="NAME",
    callback=checked_worker,
    help="Of a worker of this name (`mycel-runtime worker --name`), beside the unit of the agent.",
)
@click.option(
    "--install",
    "is_installed",
    is_flag=True,
    help="Write it where systemd looks for it, as mycel-runtime-NAME.service, and have systemd read it.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Write it into this folder, as mycel-runtime-NAME.service.",
)
def unit(
    config: Path, folder: Path | None, worker: str | None, *, is_for_user: bool, is_installed: bool
) -> None:
    """
    Print a systemd unit that runs the agent of a configuration, or all those of a folder in one process.

    It has the paths of this installation, of the files, of tokens and states, and what the bundled plugins acp and
    command need. A unit that runs another configuration is not written over: exit code 78.
    """
    from mycel_runtime.setup.unit_file import unit_folder, write_unit
    from mycel_runtime.units.made import made_unit
    from mycel_runtime.units.unit_text import file_name_of

    if is_installed and folder is not None:
        raise click.UsageError("--install and --folder: choose one")
    made = made_unit(config, is_for_user=is_for_user, worker=worker)
    if is_installed:
        folder = unit_folder(is_for_user=is_for_user)
    if folder is None:
        click.echo(made.text, nl=False)
        return
    written = write_unit(folder / file_name_of(made.name), made.text, config)
    _show(written, is_for_user=is_for_user, is_told=is_installed)


def _show(written: WrittenUnit, *, is_for_user: bool, is_told: bool) -> None:
    """Where it is, and what comes next."""
    from mycel_runtime.setup.unit_file import tell_systemd

    systemctl = "systemctl --user" if is_for_user else "systemctl"
    reload = "" if is_told and tell_systemd(is_for_user=is_for_user) else f"{systemctl} daemon-reload && "
    state = "" if written.is_changed else " (unchanged)"
    click.echo(f"{written.path}{state}")
    click.echo(f"Start it:    {reload}{systemctl} enable --now {written.path.stem}")
    if not written.is_first:
        click.echo(f"If it runs:  {reload}{systemctl} restart {written.path.stem}")
