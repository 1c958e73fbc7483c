"""`mycel-runtime work`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.listing import print_rows
from mycel_runtime.cli.options import config_option, configs_option
from mycel_runtime.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.cli.target import Target


@click.group()
def work() -> None:
    """
    Look at what waits and runs; let it be tried at once, or skip it.

    The daemon is asked; while none runs, it is done in the journal, under its lock. `skip --older-than` reads the
    chats, and so wants a daemon.
    """


@work.command("list", epilog=examples("mycel-runtime work list --config agent.toml"))
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def list_(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    What runs and what is due, the next first; a thousand at most.

    Each with its number, which the other commands take, with what it waits for, its lane, its age, its failed
    attempts, and why the last of them failed.
    """
    ctx.exit(print_rows(config, "work", _line, as_json=as_json))


@work.command(epilog=examples("mycel-runtime work show 17"))
@config_option
@click.argument("number", type=int)
def show(config: Path, number: int) -> None:
    """One of it, as JSON. Never a message's text."""
    import json

    from mycel_runtime.cli.target import only_running_target_of

    rows = [row for row in only_running_target_of(config).list("work") if row["delivery_id"] == number]
    _require(number, is_there=bool(rows))
    click.echo(json.dumps(rows[0], ensure_ascii=False, indent=2))


@work.command(epilog=examples("mycel-runtime work retry 17"))
@config_option
@click.argument("number", type=int)
def retry(config: Path, number: int) -> None:
    """Try it at once, and not at its time."""
    from mycel_runtime.cli.target import only_running_target_of

    waited_for = only_running_target_of(config).change("hasten", delivery_id=number)
    _require(number, is_there=bool(waited_for))
    told = {
        "nothing": "it runs already",
        "resume": "it is paused, and waits for `mycel-runtime resume`",
        "order": "an earlier one of its lane comes first",
    }
    if waited_for in told:
        click.echo(f"{number}: {told[waited_for]}", err=True)


@work.command(
    epilog=examples(
        "mycel-runtime work skip 17",
        "mycel-runtime work skip --older-than 2h --dry-run",
        "mycel-runtime work skip --older-than 2h",
    )
)
@config_option
@click.argument("number", type=int, required=False)
@click.option("--older-than", metavar="SPAN", help="Skip the messages that are older, like 2h or 1d.")
@click.option("--chat", "chat_id", help="Of --older-than: of this chat only.")
@click.option("--dry-run", is_flag=True, help="Of --older-than: only show what would be skipped.")
def skip(
    config: Path, number: int | None, older_than: str | None, chat_id: str | None, *, dry_run: bool
) -> None:
    """
    Give up what waits, without trying it. It is kept as a dead letter; `dead retry` brings it back.

    With a number: this delivery. With --older-than: of all chats the messages that were sent before that and are not
    handled yet, as one dead letter that tells how many they are. What runs is left alone, and so is what is newer.

    Of a backlog: pause the agent first, start its daemon, skip, and resume it.
    """
    from mycel_runtime.cli.target import only_running_target_of

    if (number is None) == (older_than is None):
        raise click.UsageError("give a number, or --older-than")
    if number is not None and (chat_id is not None or dry_run):
        raise click.UsageError("--chat and --dry-run go with --older-than")
    target = only_running_target_of(config)
    if number is not None:
        _skip_one(target, number)
    else:
        _skip_old(target, _seconds(older_than or ""), chat_id, is_trial=dry_run)


def _skip_one(target: Target, number: int) -> None:
    row = target.change("skip", delivery_id=number)
    _require(number, is_there=bool(row))
    if row["state"] == "running":
        raise click.ClickException(f"{number} is at work right now; skip it once its attempt has ended")
    letter = row["dead_letter_id"]
    where = f"dead letter {letter}; see: mycel-runtime dead show {letter}" if letter else "nothing to be kept"
    click.echo(f"{row['handler']}  {row['lane']}  {row['event'] or 'messages'} skipped, {where}")


def _skip_old(target: Target, seconds: float, chat_id: str | None, *, is_trial: bool) -> None:
    chats, messages, letter = set[str](), 0, None
    for page in _pages(target, seconds, chat_id, is_trial=is_trial):
        letter = page["skip_id"]
        for row in page["skipped"]:
            chats.add(row["chat_id"])
            messages += row["messages"]
            click.echo(
                f"{row['handler']}  chat {row['chat_id']}  {counted(row['messages'], 'message')},"
                f" above seq {row['after_seq']} up to {row['through_seq']}"
            )
        for row in page["left"]:
            click.echo(f"{row['handler']}  chat {row['chat_id']}  left: {row['why']}", err=True)
    would = "would be " if is_trial else ""
    where = f", dead letter {letter}; see: mycel-runtime dead show {letter}" if letter is not None else ""
    click.echo(f"{counted(messages, 'message')} in {counted(len(chats), 'chat')} {would}skipped{where}")


def _pages(
    target: Target, seconds: float, chat_id: str | None, *, is_trial: bool
) -> Iterator[dict[str, Any]]:
    import time

    before, after, skip_id = time.time() - seconds, 0, None
    while after is not None:
        page = target.ask(
            "skip_old", before=before, chat_id=chat_id, after=after, skip_id=skip_id, is_trial=is_trial
        )
        after, skip_id = page["next_after"], page["skip_id"]
        yield page


def _seconds(span: str) -> float:
    from pydantic_core import PydanticCustomError

    from mycel_runtime.settings.amounts import seconds_of

    try:
        return seconds_of(span)
    except PydanticCustomError as exc:
        raise click.BadParameter(f"{exc.message()}, and not {span!r}", param_hint="--older-than") from exc


def _require(number: int, *, is_there: bool) -> None:
    if not is_there:
        raise click.ClickException(f"nothing of number {number} waits or runs; see `mycel-runtime work list`")


def _line(row: dict[str, Any]) -> str:
    import time

    from mycel_runtime.cli.status_table import span
    from mycel_runtime.observe.rendering import without_controls

    # A daemon of before an upgrade does not tell.
    now = row.get("read_at", time.time())
    until = f" for {span(row['due_at'] - now)}" if row["waits_for"] == "time" else ""
    state = "runs" if row["state"] == "running" else f"waits for {row['waits_for']}{until}"
    why = f"  {row['last_error']}" if row["last_error"] else ""
    return without_controls(
        f"{row['delivery_id']}  {row['handler']}  {row['lane']}  {state}  since {span(now - row['since'])}"
        f"  {counted(row['attempts'], 'failed attempt')}{why}"
    )
