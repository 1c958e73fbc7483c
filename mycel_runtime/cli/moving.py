"""What `mycel-runtime engine move` does."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.progress import waiting_for
from mycel_runtime.cli.target import only_target_of
from mycel_runtime.counted import counted
from mycel_runtime.daemon.state_dir import make_state_dir
from mycel_runtime.errors import ConfigError
from mycel_runtime.journal import engines
from mycel_runtime.settings import load_settings, read_database
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.transfer import Moved
    from mycel_runtime.settings import DatabaseAddress


def move_journal(
    config: Path, address: DatabaseAddress | None, aim: str, identity: str | None, *, as_json: bool
) -> None:
    """
    Move it, and tell what was moved.

    Args:
        config: The agent's file.
        address: Of the database; `None`: the file names it.
        aim: `postgres` or `sqlite`.
        identity: Whose journal.
        as_json: For a program.

    Raises:
        ConfigError: No database is named.
        MycelError: As of `engines.move_journal`.
    """
    target = only_target_of(config)
    settings = load_settings(target.config)
    address = address or read_database(settings, target.config)
    if address is None:
        raise ConfigError(
            "names no database",
            where=f"{config}: [engine] url",
            fix="Set it, or name the database with --url.",
        )
    if os.geteuid() or not target.state_dir.is_dir():
        make_state_dir(target.state_dir)
    whose = identity or settings.agent.user_id
    with waiting_for(f"moving the journal of {target.name}"):
        moved = engines.move_journal(
            target.state_dir,
            address,
            into_database=aim == "postgres",
            identity=UserId(whose) if whose else None,
        )
    if as_json:
        told = {"from": moved.source, "to": moved.target, "rows": moved.rows}
        click.echo(json.dumps({"agent": target.name} | told))
    else:
        _tell(target.name, moved)
    if (settings.engine.url is None) == (aim == "postgres"):
        _tell_next(target.config, address.url if aim == "postgres" else None)


def _tell(agent: str, moved: Moved) -> None:
    if moved.rows is None:
        click.echo(f"{agent}: it is in {moved.target} already")
        return
    rows = counted(sum(moved.rows.values()), "row")
    click.echo(f"{agent}: {rows} moved from {moved.source} to {moved.target}, counted on both sides")
    for table, count in moved.rows.items():
        if count:
            click.echo(f"  {table}  {count}")


def _tell_next(config: Path, url: str | None) -> None:
    wanted = f'set [engine] url = "{url}"' if url else "take [engine] url out"
    click.echo(f"Before the next start, in {config}: {wanted}", err=True)
