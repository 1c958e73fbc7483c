"""`mycel-runtime token`."""

from __future__ import annotations

from pathlib import Path

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option


@click.group()
def token() -> None:
    """Give an agent the token that it is to speak with."""


@token.command(
    "import",
    epilog=examples(
        "mycel-runtime token import --config codex-a.toml < codex-a.token",
    ),
)
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default=Path("-"))
@click.option("--replace", is_flag=True, help="Also if it is another agent's than the token that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print whose it is as JSON; never the token.")
def import_(config: Path, file: Path, *, replace: bool, as_json: bool) -> None:
    """
    Take a token from FILE, or from standard input, and put it where [agent] token_file points, mode 0600.

    The backend is asked first: it must be an external agent's, and [agent] user_id's if that is set. A daemon that
    runs takes it when the token in use is refused; one in a unit is given it at its next start, by the command that
    is told then. Without token_file it goes where the unit takes it from.

    Exit code 77 if the backend refuses the token or it is nobody's that may speak here, 78 if it cannot be kept.
    """
    import json

    from mycel_runtime.cli.asking import ask_secret_line
    from mycel_runtime.setup.token_import import import_token

    taken = import_token(config, ask_secret_line(file, "Token of the agent"), may_replace=replace)
    if as_json:
        told = {"user_id": taken.user_id, "name": taken.name, "token_file": str(taken.path)}
        click.echo(json.dumps(told | {"restart": taken.restart}))
    else:
        click.echo(f"{taken.path}: the token of {taken.name} ({taken.user_id})")
    if taken.restart:
        click.echo(f"systemd hands it over when it starts the unit: {taken.restart}", err=True)
