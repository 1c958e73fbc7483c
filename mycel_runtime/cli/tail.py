"""`mycel-runtime tail`."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.target import Target

_RETRY_SECONDS: Final = 0.5


@click.command(
    epilog=examples(
        "mycel-runtime tail --event 'delivery.*' --event 'send.*'",
        "mycel-runtime tail --level warning --follow",
    )
)
@config_option
@click.option(
    "--event", "events", multiple=True, help="Only these, like 'delivery.*'; may be given several times."
)
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="debug",
    show_default=True,
    help="The lowest.",
)
@click.option("--plugin", help="Only what is about this plugin.")
@click.option("--chat", "chat_id", help="Only what is about this chat.")
@click.option("--follow", "-f", "is_retried", is_flag=True, help="Go on when the daemon is restarted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def tail(
    config: Path,
    events: tuple[str, ...],
    level: str,
    plugin: str | None,
    chat_id: str | None,
    *,
    is_retried: bool,
    as_json: bool,
) -> None:
    """
    Follow what happens in the running daemon, whatever its log level is, until Ctrl-C.

    Whoever reads too slowly loses the oldest, and is told how many (facts.lost); the daemon waits for nobody.
    Without --follow it ends with the daemon, with exit code 75.
    """
    from mycel_runtime.cli.target import only_running_target_of

    query = [("level", level), *(("event", event) for event in events)]
    query += [(key, value) for key, value in (("plugin", plugin), ("chat", chat_id)) if value]
    target = only_running_target_of(config)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            _follow_once(target, query, is_retried=is_retried, as_json=as_json)


def _follow_once(target: Target, query: list[tuple[str, str]], *, is_retried: bool, as_json: bool) -> None:
    """Until the daemon ends."""
    import time

    from mycel_runtime.errors import NoDaemonError

    try:
        for fact in target.follow(query):
            if fact:
                _print(fact, as_json=as_json)
    except NoDaemonError:
        if not is_retried:
            raise
        time.sleep(_RETRY_SECONDS)


def _print(fact: dict[str, Any], *, as_json: bool) -> None:
    import json
    import time

    from mycel_runtime.observe.rendering import without_controls

    if as_json:
        click.echo(json.dumps(fact, ensure_ascii=False))
    else:
        at, event, level = fact.pop("at", time.time()), fact.pop("event"), fact.pop("level")
        told = " ".join(f"{key}={value}" for key, value in fact.items())
        clock = time.strftime("%H:%M:%S", time.localtime(at))
        click.echo(without_controls(f"{clock} {level:<7} {event} {told}".rstrip()))
    sys.stdout.flush()
