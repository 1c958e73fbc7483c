"""`mycel-runtime dead`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def dead() -> None:
    """Look at work that was given up; try it again, or drop it. Asks the running daemon."""


@dead.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(config: Path, *, as_json: bool) -> None:
    """All of it, oldest first."""
    import json

    for letter in _ask(config, "dead"):
        click.echo(json.dumps(letter, ensure_ascii=False) if as_json else _line(letter))


@dead.command()
@config_option
@click.argument("number", type=int)
def show(config: Path, number: int) -> None:
    """One of it: where it was raised, which messages, which frame. Never a message's text."""
    import json

    letters = [letter for letter in _ask(config, "dead") if letter["dead_letter_id"] == number]
    if not letters:
        raise click.ClickException(f"there is no dead letter {number}")
    click.echo(json.dumps(letters[0], ensure_ascii=False, indent=2))


@dead.command()
@config_option
@click.argument("number", type=int)
def retry(config: Path, number: int) -> None:
    """Make it due again, in its lane. What it had said already is not said again."""
    _require(number, is_done=_ask(config, "retry", dead_letter_id=number))


@dead.command()
@config_option
@click.argument("number", type=int)
def drop(config: Path, number: int) -> None:
    """Forget it."""
    _require(number, is_done=_ask(config, "drop", dead_letter_id=number))


def _require(number: int, *, is_done: bool) -> None:
    if not is_done:
        raise click.ClickException(f"there is no dead letter {number}")


def _line(letter: dict[str, Any]) -> str:
    return (
        f"{letter['dead_letter_id']}  {letter['handler']}  {letter['lane']}  {letter['attempts']} attempts"
        f"  {letter['reason']}"
    )


def _ask(config: Path, verb: str, **arguments: Any) -> Any:
    from mycel_runtime.daemon.control import ask_admin
    from mycel_runtime.settings import load_settings

    return ask_admin(load_settings(config).state_dir, verb, **arguments)
