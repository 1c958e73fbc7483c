"""`mycel-runtime read`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option, speaker_options
from mycel_runtime.cli.terminal import show_message

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=examples("mycel-runtime read --config agent.toml --limit 5"))
@config_option
@speaker_options
@click.option(
    "--limit", "-n", default=20, show_default=True, type=click.IntRange(1, 200), help="Messages at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def read(config: Path, token_file: Path | None, chat_id: str | None, limit: int, *, as_json: bool) -> None:
    """
    Print the conversation with your agent, oldest message first.

    Reading marks nothing as read.
    """
    import json

    from mycel_runtime.cli.conversation import open_conversation

    for message in open_conversation(config, token_file, chat_id).history(limit):
        if as_json:
            click.echo(json.dumps(message, ensure_ascii=False))
        else:
            show_message(message)
