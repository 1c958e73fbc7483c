"""`mycel-runtime dead`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.listing import print_rows
from mycel_runtime.cli.options import config_option, configs_option
from mycel_runtime.counted import counted

if TYPE_CHECKING:
    from pathlib import Path

_OF_A_PART: Final = ("dead_letter_id", "handler", "chat_id", "messages", "after_seq", "through_seq")


@click.group()
def dead() -> None:
    """
    Look at work that was given up; try it again, or drop it.

    The daemon is asked; while none runs, it is done in the journal, under its lock.
    """


@dead.command("list", epilog=examples("mycel-runtime dead list --config agent.toml"))
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def list_(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    All of it, oldest first.

    What was skipped together is one line, and its number is good for all of it; --json shows each row of it.
    """
    ctx.exit(print_rows(config, "dead", _line, as_json=as_json, group=None if as_json else _as_one))


@dead.command(epilog=examples("mycel-runtime dead show 3"))
@config_option
@click.argument("number", type=int)
def show(config: Path, number: int) -> None:
    """
    One of it: where it was raised, which messages, which frame. Never a message's text.

    Of what was skipped together also how many messages of each chat and handler (`skipped`).
    """
    import json

    from mycel_runtime.cli.target import only_running_target_of

    letters = only_running_target_of(config).list("dead")
    shown = next((letter for letter in letters if letter["dead_letter_id"] == number), None)
    _require(number, is_done=shown is not None)
    parts = [letter for letter in letters if letter.get("skip_id") == number]
    whole = {"skipped": [{key: part[key] for key in _OF_A_PART} for part in parts]} if parts else {}
    click.echo(json.dumps((shown or {}) | whole, ensure_ascii=False, indent=2))


@dead.command(epilog=examples("mycel-runtime dead retry 3"))
@config_option
@click.argument("number", type=int)
def retry(config: Path, number: int) -> None:
    """Make it due again, in its lane. What it had said already is not said again. Of a skip, all of it."""
    from mycel_runtime.cli.target import only_running_target_of

    _require(number, is_done=only_running_target_of(config).change("retry", dead_letter_id=number))


@dead.command(epilog=examples("mycel-runtime dead drop 3"))
@config_option
@click.argument("number", type=int)
def drop(config: Path, number: int) -> None:
    """Forget it."""
    from mycel_runtime.cli.target import only_running_target_of

    _require(number, is_done=only_running_target_of(config).change("drop", dead_letter_id=number))


def _require(number: int, *, is_done: bool) -> None:
    if not is_done:
        raise click.ClickException(f"there is no dead letter {number}; see: mycel-runtime dead list")


def _as_one(letters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of one skip as one letter, in the place of the first."""
    skips: dict[int, list[dict[str, Any]]] = {}
    for letter in letters:
        skips.setdefault(letter.get("skip_id") or letter["dead_letter_id"], []).append(letter)
    return [parts[0] if parts[0].get("skip_id") is None else _whole(parts) for parts in skips.values()]


def _whole(parts: list[dict[str, Any]]) -> dict[str, Any]:
    chats = {part["chat_id"] for part in parts}
    handlers = {part["handler"] for part in parts}
    messages = sum(part["messages"] or 0 for part in parts)
    return {
        "dead_letter_id": parts[0]["skip_id"],
        "handler": handlers.pop() if len(handlers) == 1 else counted(len(handlers), "handler"),
        "lane": parts[0]["lane"] if len(chats) == 1 else counted(len(chats), "chat"),
        "attempts": max(part["attempts"] for part in parts),
        "reason": f"skipped by the operator: {counted(messages, 'message')}"
        + (f" above seq {parts[0]['after_seq']} up to {parts[0]['through_seq']}" if len(parts) == 1 else ""),
    }


def _line(letter: dict[str, Any]) -> str:
    from mycel_runtime.observe.rendering import without_controls

    return without_controls(
        f"{letter['dead_letter_id']}  {letter['handler']}  {letter['lane']}"
        f"  {counted(letter['attempts'], 'attempt')}  {letter['reason']}"
    )
