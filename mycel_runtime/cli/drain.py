"""`mycel-runtime drain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.target import Target

EXIT_LEFT: Final = 75

_PATIENCE_SECONDS: Final = 30.0
"""For the answer, beyond the time that the drain may take."""


@click.command(
    epilog=examples(
        "mycel-runtime drain --config agent.toml --stay",
        "mycel-runtime drain --config /etc/mycel-runtime/agents --stay --timeout 60",
    )
)
@configs_option
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0, max=86_400),
    default=300.0,
    show_default=True,
    help="Seconds that it may take.",
)
@click.option("--stay", is_flag=True, help="Do not end the agent: it waits, drained, until it is stopped.")
@click.pass_context
def drain(ctx: click.Context, config: Path, seconds: float, *, stay: bool) -> None:
    """
    Let the agent do what runs and what is due, take nothing new, and end.

    What comes in meanwhile stays unread on Mycel, for the next start. Exit code 75 if something is left when the time
    is over; it is due again at the next start. Under systemd use --stay, and then `systemctl stop`: a unit with
    Restart=always starts again whoever ends by itself. Of a folder all are drained at a time, and the exit code is
    the worst of all.
    """
    from mycel_runtime.cli.every_agent import each_agent_at_once

    def ask(target: Target) -> dict[str, Any]:
        return target.order("drain", within=seconds + _PATIENCE_SECONDS, timeout=seconds, stay=stay)

    ctx.exit(each_agent_at_once(config, ask, lambda target, answer: _tell(target, answer, stay=stay)))


def _tell(target: Target, answer: dict[str, Any], *, stay: bool) -> int:
    if answer["is_supervised"] and not stay:
        click.echo(f"{target.name}: what supervises it may start it again", err=True)
    if not answer["is_done"]:
        click.echo(f"{target.name}: {_left(answer)} left; due again at the next start", err=True)
        return EXIT_LEFT
    click.echo(f"{target.name}: drained; it {'waits for its end' if stay else 'ends'}")
    return 0


def _left(answer: dict[str, Any]) -> str:
    return f"{answer['due']} due and {answer['running']} running are"
