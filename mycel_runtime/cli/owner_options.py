"""Options of the commands that need an owner: who he is, and where his secrets are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mycel_runtime.cli.options import new_config_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.setup.accounts import Accounts
    from mycel_runtime.setup.questions import Wishes

F = TypeVar("F", bound="Callable[..., Any]")

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def owner_options(function: F) -> F:
    """`--guest`, `--login`, `--register`, and files of what is secret."""
    options = (
        click.option("--guest", is_flag=True, help="As a guest, who needs no account."),
        click.option(
            "--login", "login_as", metavar="ADDRESS", help="As whoever has this e-mail address or mycel id."
        ),
        click.option(
            "--register", "register_as", metavar="ADDRESS", help="As a new account of this e-mail address."
        ),
        click.option(
            "--password-file", type=_FILE, help="The password is its first line; -: standard input."
        ),
        click.option("--invite-file", type=_FILE, help="For --register: a file with the invite code."),
        click.option(
            "--code-file", type=_FILE, help="For --register: read once the code was sent; a named pipe, or -."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def backend_option(function: F) -> F:
    """`--backend`, and `--config` of an agent that lives there."""
    backend = click.option(
        "--backend", metavar="ADDRESS", help="Where.  [default: as --config, else the hosted one]"
    )
    return new_config_option(backend(function))


def accounts_of(config: Path, wishes: Wishes) -> Accounts:
    """
    The backend that is meant: as `--backend` says, else that of the agent's file, else the hosted one.

    Raises:
        ConfigError: The file cannot be used, or its agent lives in a backend of its own.
    """
    from mycel_runtime.daemon.network import network_of
    from mycel_runtime.settings import load_settings
    from mycel_runtime.setup.accounts import Accounts
    from mycel_runtime.setup.questions import HOSTED
    from mycel_runtime.setup.surroundings import network_around

    if not wishes.is_embedded and (wishes.backend is not None or not config.exists()):
        address = wishes.backend or HOSTED
        return Accounts(base_url=address, network=network_around(address))
    if wishes.is_embedded or (settings := load_settings(config)).is_embedded:
        raise click.UsageError(
            "a backend in the agent's own process has an owner already; name another: --backend"
        )
    return Accounts(base_url=settings.agent.base_url, network=network_of(settings, config))


def owner_wishes(
    *,
    backend: str | None,
    guest: bool,
    login_as: str | None,
    register_as: str | None,
    password_file: Path | None,
    invite_file: Path | None,
) -> Wishes:
    """
    What these options say.

    Raises:
        UsageError: Two of them contradict each other.
        ArgumentError: The backend's address is none.
        ConfigError: A file cannot be read.
    """
    from mycel_runtime.cli.asking import read_secret_line
    from mycel_runtime.setup.questions import Wishes, backend_of

    ways = {"guest": guest, "login": login_as is not None, "register": register_as is not None}
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]}: choose one")
    return Wishes(
        backend=None if backend is None else backend_of(backend),
        way=chosen[0] if chosen else None,  # type: ignore[arg-type]  # the keys above
        identifier=login_as or register_as,
        password=None if password_file is None else read_secret_line(password_file),
        invite=None if invite_file is None else read_secret_line(invite_file),
    )
