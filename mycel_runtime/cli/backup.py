"""`mycel-runtime backup`."""

from __future__ import annotations

from pathlib import Path

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option


@click.command(epilog=examples("mycel-runtime backup --config agent.toml codex-a.backup"))
@config_option
@click.argument("file", type=click.Path(path_type=Path))
def backup(config: Path, file: Path) -> None:
    """
    Copy an agent's journal into FILE, while it runs or while it does not.

    The copy is of one moment, checked as a whole, and readable by you alone; FILE.manifest.json beside it says what
    it is. Both hold no token. What plugins remember is in the copy, and may be what people have said.
    """
    from importlib import metadata

    from mycel_runtime.cli.listing import counted
    from mycel_runtime.cli.progress import waiting_for
    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.daemon.upkeep.backups import back_up_agent

    target = only_target_of(config)
    with waiting_for(f"copying the journal of {target.name}"):
        manifest = back_up_agent(target.state_dir, file, program=metadata.version("mycel-runtime"))
    rows = sum(manifest.rows.values())
    click.echo(f"{target.name}: {counted(rows, 'row')} in {manifest.size / 2**20:.1f} MiB, checked: {file}")
