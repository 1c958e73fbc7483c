"""`mycel-runtime logout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.owner_options import backend_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.setup.owner import Owner


@click.command(
    epilog=examples("mycel-runtime logout", "mycel-runtime logout --backend http://127.0.0.1:8042 --yes")
)
@backend_option
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, though it is a guest.")
def logout(config: Path, backend: str | None, *, is_sure: bool) -> None:
    """
    Forget the owner of agents that `login` has kept for a backend, with his token.

    Agents go on: each has a token of its own. Of a guest it is asked first, because nobody can have his token again.
    The backend knows no logout: what somebody has copied is good until it ends.
    """
    import time

    from mycel_runtime.cli.owner_options import accounts_of
    from mycel_runtime.cli.terminal import confirm
    from mycel_runtime.setup.owner_store import forget_owner, read_owner
    from mycel_runtime.setup.questions import Wishes, backend_of

    address = accounts_of(config, Wishes(backend=None if backend is None else backend_of(backend))).base_url
    owner = read_owner(address)
    if owner is None:
        raise click.ClickException(f"nobody is logged in at {address}")
    if owner.identifier is None and not is_sure:
        confirm(f"{owner.name} is a guest, and his token cannot be had back. Go on?")
    forget_owner(address)
    click.echo(f"{owner.name} is forgotten at {address}; the token {owner.term(time.time())}{_agents(owner)}")


def _agents(owner: Owner) -> str:
    if not owner.agents:
        return ""
    names = ", ".join(agent.user_id for agent in owner.agents)
    return f"\nnot listed any more, and going on with tokens of their own: {names}"
