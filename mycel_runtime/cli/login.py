"""`mycel-runtime login`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.owner_options import backend_option, owner_options, owner_wishes

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.setup.owner import Owner


@click.command(
    epilog=examples(
        "mycel-runtime login --login ada@example.org",
        "mycel-runtime login --backend http://127.0.0.1:8042 --guest",
    )
)
@backend_option
@owner_options
@click.option("--json", "as_json", is_flag=True, help="Print who it is as JSON; never the token.")
def login(config: Path, backend: str | None, code_file: Path | None, *, as_json: bool, **owner: Any) -> None:
    """
    Become an owner of agents on a backend, and stay it.

    His token is kept below the XDG config home, mode 0600, for `init`, `agent`, `chat`, `send` and `read`. While it
    is good nothing is asked; when it has expired (a login's lives for about an hour, a guest's for ever), the
    password is.

    Exit code 77 if the password is refused, 75 if the backend does not answer.
    """
    from mycel_runtime.cli.asking import whoever_runs_this
    from mycel_runtime.cli.owner_options import accounts_of
    from mycel_runtime.setup.interrupts import ending_alike
    from mycel_runtime.setup.signing_in import make_guest, sign_in

    wishes = owner_wishes(backend=backend, **owner)
    accounts = accounts_of(config, wishes)
    person = whoever_runs_this(code_file)
    with ending_alike():
        who = sign_in(wishes, accounts, person) or make_guest(accounts, person)
    if as_json:
        _show(who)


def _show(owner: Owner) -> None:
    import json

    from mycel_runtime.setup.owner_store import owner_path

    click.echo(
        json.dumps(
            {
                "base_url": owner.base_url,
                "user_id": owner.user_id,
                "name": owner.name,
                "identifier": owner.identifier,
                "expires_at": owner.expires_at,
                "kept_in": str(owner_path(owner.base_url)),
            },
            ensure_ascii=False,
        )
    )
