"""`mycel-runtime outbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.listing import print_rows
from mycel_runtime.cli.options import config_option, configs_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def outbox() -> None:
    """
    Look at sends whose outcome nobody knows; settle them.

    The daemon is asked; while none runs, it is done in the journal, under its lock.
    """


@outbox.command("list", epilog=examples("mycel-runtime outbox list --config agent.toml"))
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def list_(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    All of them, oldest first.

    `intended` ones are being looked for; `unknown` ones wait for the history, or for `outbox settle`.
    """
    ctx.exit(print_rows(config, "unresolved", _line, as_json=as_json))


def _line(send: dict[str, Any]) -> str:
    return (
        f"{send['send']}  {send['state']}  {send['handler']}  chat {send['chat_id']}"
        f" after seq {send['after_seq']}"
    )


@outbox.command(epilog=examples("mycel-runtime outbox settle 12.1.1 --not-sent"))
@config_option
@click.argument("send")
@click.option("--sent/--not-sent", "is_sent", required=True, default=None, help="What the chat shows.")
def settle(config: Path, send: str, *, is_sent: bool) -> None:
    """
    Say what became of an unknown send, after having looked into the chat.

    With --not-sent the handler says it again; with --sent it never will.
    """
    from mycel_runtime.cli.target import only_running_target_of

    if not only_running_target_of(config).change("settle", send=send, is_sent=is_sent):
        raise click.ClickException(f"there is no unknown send {send}; see: mycel-runtime outbox list")
