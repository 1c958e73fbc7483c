"""`mycel-runtime send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option, speaker_options
from mycel_runtime.cli.terminal import show

if TYPE_CHECKING:
    from pathlib import Path

EXIT_UNANSWERED = 75


@click.command(epilog=examples('mycel-runtime send --config agent.toml --wait 10 "hello"'))
@config_option
@speaker_options
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0, max=86_400),
    help="Wait so long for the next message of somebody else, and print it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("text")
@click.pass_context
def send(
    ctx: click.Context,
    config: Path,
    token_file: Path | None,
    chat_id: str | None,
    wait_seconds: float | None,
    *,
    as_json: bool,
    text: str,
) -> None:
    """
    Say one thing to your agent, as its owner.

    Prints the seq of the message, or, with --wait, the answer; exit code 75 if there was none in time.
    """
    import json

    from mycel_runtime.cli.conversation import open_conversation, require_sayable

    require_sayable(text)
    conversation = open_conversation(config, token_file, chat_id)
    sent = conversation.say(text)
    if wait_seconds is None:
        click.echo(json.dumps(sent, ensure_ascii=False) if as_json else str(sent["seq"]))
        return
    answer = next(conversation.heard_after(sent["seq"], seconds=wait_seconds), None)
    if answer is None:
        click.echo(f"error: no answer within {wait_seconds:g} seconds", err=True)
        ctx.exit(EXIT_UNANSWERED)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        show(answer["content"])
