"""`mycel-runtime agent`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.owner_options import backend_option, owner_options, owner_wishes

if TYPE_CHECKING:
    from mycel_runtime.setup.accounts import Accounts
    from mycel_runtime.setup.owned_agents import AgentRow
    from mycel_runtime.setup.owner import Owner


@click.group()
def agent() -> None:
    """Make agents as their owner, and list them."""


@agent.command(
    epilog=examples(
        "mycel-runtime agent create codex-a --backend http://127.0.0.1:8042",
    )
)
@click.argument("name")
@backend_option
@click.option("--user-id", help="Its id, unique on the backend.  [default: NAME]")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Where its token goes, mode 0600.  [default: ./NAME.token]",
)
@owner_options
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON; never the token.")
def create(
    name: str,
    config: Path,
    backend: str | None,
    user_id: str | None,
    token_file: Path | None,
    code_file: Path | None,
    *,
    as_json: bool,
    **owner: Any,
) -> None:
    """
    Make an external agent, and keep its token: the backend tells it this once.

    Exit code 64 if the id is taken, 77 if the owner's token is refused, 78 if the token's place cannot be used.
    """
    import json

    from mycel_runtime.cli.asking import whoever_runs_this
    from mycel_runtime.setup.interrupts import ending_alike
    from mycel_runtime.setup.new_agent import NewAgent, make_agent
    from mycel_runtime.setup.private_file import require_absent
    from mycel_runtime.setup.questions import user_id_of

    id_ = user_id_of(user_id or name)
    place = token_file or Path(f"{name}.token")
    require_absent(place)
    person = whoever_runs_this(code_file)
    with ending_alike():
        accounts, who = _owner(config, backend, code_file, owner)
        wanted = NewAgent(user_id=id_, name=name, token_file=place)
        made = make_agent(who, wanted, accounts, person.tell)
    if as_json:
        click.echo(json.dumps({"base_url": accounts.base_url, **made.model_dump()}, ensure_ascii=False))
    else:
        click.echo(f"{made.user_id}: made; its token is in {place}")


@agent.command("list", epilog=examples("mycel-runtime agent list --backend http://127.0.0.1:8042"))
@backend_option
@owner_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(config: Path, backend: str | None, code_file: Path | None, *, as_json: bool, **owner: Any) -> None:
    """
    The owner's agents: made on this machine, met in his chats, and those that live on Mycel itself.

    The backend lists no external agents, so one that was made elsewhere is shown only if it is in a chat of his.
    """
    import json
    from dataclasses import asdict

    from mycel_runtime.observe.rendering import without_controls
    from mycel_runtime.setup.owned_agents import agents_of

    accounts, who = _owner(config, backend, code_file, owner)
    for row in agents_of(who, accounts):
        click.echo(json.dumps(asdict(row), ensure_ascii=False) if as_json else without_controls(_line(row)))


def _owner(
    config: Path, backend: str | None, code_file: Path | None, options: dict[str, Any]
) -> tuple[Accounts, Owner]:
    from mycel_runtime.cli.asking import whoever_runs_this
    from mycel_runtime.cli.owner_options import accounts_of
    from mycel_runtime.setup.signing_in import make_guest, sign_in

    wishes = owner_wishes(backend=backend, **options)
    accounts = accounts_of(config, wishes)
    person = whoever_runs_this(code_file)
    return accounts, sign_in(wishes, accounts, person) or make_guest(accounts, person)


def _line(row: AgentRow) -> str:
    return "  ".join(part for part in (row.user_id, row.name, row.kind, row.token_file or "") if part)
