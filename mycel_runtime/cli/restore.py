"""`mycel-runtime restore`."""

from __future__ import annotations

from pathlib import Path

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option


@click.command(
    epilog=examples(
        "mycel-runtime restore --config agent.toml codex-a.backup",
        "mycel-runtime restore --config agent.toml --not-run-since codex-a.backup",
    )
)
@config_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--not-run-since",
    "has_rested",
    is_flag=True,
    help="The agent has not run since FILE was made, as when it moves: everything goes on from there.",
)
@click.option("--other-identity", "is_other_identity", is_flag=True, help="FILE may be another identity's.")
def restore(config: Path, file: Path, *, has_rested: bool, is_other_identity: bool) -> None:
    """
    Put FILE, made by `backup`, in the place of an agent's journal.

    The agent must not run. The journal that was there is kept beside. Nothing is said twice: what was answered since
    FILE was made is found in the chats at the next start, and what cannot be looked up becomes dead letters.
    """
    from mycel_runtime.cli.target import only_target_of
    from mycel_runtime.counted import counted
    from mycel_runtime.daemon.upkeep.backups import restore_agent
    from mycel_runtime.settings import load_settings

    target = only_target_of(config)
    done = restore_agent(
        target.engine,
        file,
        target.state_dir,
        user_id=load_settings(target.config).agent.user_id,
        has_rested=has_rested,
        is_other_identity=is_other_identity,
    )
    if not done.was_compared:
        click.echo(
            f"{target.name}: there is no manifest beside {file}: only the file itself was checked", err=True
        )
    click.echo(
        f"{target.name}: restored; {counted(done.set_aside, 'dead letter')} of what may have been done since"
    )
    for plugin, name in done.timers:
        click.echo(f"  timer {name} of {plugin} became due since, and is not set any more")
    if done.kept is not None:
        click.echo(f"  the journal before is in {done.kept}")
