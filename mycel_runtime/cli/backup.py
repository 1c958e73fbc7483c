"""`mycel-runtime backup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from mycel_runtime.cli.target import Target


@click.command(
    epilog=examples(
        "mycel-runtime backup --config agent.toml codex-a.backup",
        "mycel-runtime backup --config agent.toml --into /var/backups/mycel-runtime --keep 14",
        "mycel-runtime backup --config /etc/mycel-runtime/agents --into /var/backups/mycel-runtime",
    )
)
@configs_option
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder, in which each backup is named after its agent and its time.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="Of --into: remove all but so many of the newest ones of the agent.",
)
@click.pass_context
def backup(
    ctx: click.Context, config: Path, file: Path | None, folder: Path | None, keep: int | None
) -> None:
    """
    Copy an agent's journal into FILE, or into a folder, while it runs or while it does not.

    The copy is of one moment, checked as a whole, and readable by you alone; FILE.manifest.json beside it says what
    it is. Both hold no token. What plugins remember is in the copy, and may be what people have said. With --into
    also of all agents of a folder of files, a line for each; the exit code is the worst.
    """
    if (file is None) == (folder is None):
        raise click.UsageError("give a FILE, or a folder with --into")
    if file is not None:
        if keep is not None:
            raise click.UsageError("--keep goes with --into")
        from mycel_runtime.cli.target import only_target_of

        _back_up(only_target_of(config), file)
    elif folder is not None:
        from mycel_runtime.cli.every_agent import each_agent
        from mycel_runtime.cli.target import target_of

        into = folder
        ctx.exit(each_agent(config, lambda target: _back_up_into(target, into, keep), target_of))


def _back_up_into(target: Target, folder: Path, keep: int | None) -> int:
    import time

    from mycel_runtime.counted import counted
    from mycel_runtime.daemon.upkeep.backup_folder import BackupFolder

    backups = BackupFolder(path=folder, agent=target.name)
    backups.make()
    _back_up(target, backups.next_file(time.time()))
    # Only now: if the new one had failed, the old ones would be all there is.
    if keep is not None and (removed := backups.remove_oldest(keep)):
        click.echo(f"{target.name}: {counted(removed, 'older backup')} removed")
    return 0


def _back_up(target: Target, file: Path) -> None:
    from importlib import metadata

    from mycel_runtime.cli.progress import waiting_for
    from mycel_runtime.counted import counted
    from mycel_runtime.daemon.upkeep.backups import back_up_agent

    with waiting_for(f"copying the journal of {target.name}"):
        manifest = back_up_agent(target.engine, file, program=metadata.version("mycel-runtime"))
    rows = sum(manifest.rows.values())
    click.echo(f"{target.name}: {counted(rows, 'row')} in {manifest.size / 2**20:.1f} MiB, checked: {file}")
