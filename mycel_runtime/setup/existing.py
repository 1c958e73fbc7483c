"""What is there already when an agent is set up: its files, its token, its state."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

from mycel_runtime.daemon.identity import require_agent
from mycel_runtime.errors import ArgumentError, ConfigError, IdentityRefusedError
from mycel_runtime.settings import read_token_file
from mycel_runtime.setup.questions import settings_of
from mycel_runtime.setup.surroundings import state_of

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from mycel_runtime.settings import Settings
    from mycel_runtime.setup.accounts import Accounts
    from mycel_runtime.setup.questions import Wishes
    from mycel_runtime.wire.resources import User


def require_folder(config: Path) -> None:
    """
    Refuse a place where nothing can be written, before anything is asked.

    Raises:
        ConfigError: There is no such folder, or it may not be written.
    """
    folder = config.absolute().parent
    if not folder.is_dir():
        raise ConfigError("no such folder", where=str(folder), fix=f"Make it: mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError("may not be written", where=str(folder), fix="Name another place with --config.")


def require_agreement(config: Path, settings: Settings, wishes: Wishes) -> None:
    """
    Refuse wishes that contradict a file which is there: it is nobody's but its author's to change.

    Raises:
        ArgumentError: One does.
    """
    agent = settings.agent
    said = {
        "--backend": (wishes.backend, agent.base_url),
        "--name": (wishes.name, agent.name),
        "--user-id": (wishes.user_id, agent.user_id),
    }
    for option, (wished, there) in said.items():
        if wished is not None and there is not None and wished != there:
            raise _contradiction(config, option, str(there))
    if wishes.plugin is None:
        return
    table = settings.plugins.get(wishes.table_name)
    if table is None:
        raise _contradiction(config, "--plugin", ", ".join(settings.plugins))
    for key, value in settings_of(wishes).items():
        if key != "path" and table.get(key) != value:
            raise _contradiction(config, f"--set {key}", f"{key} = {table.get(key)!r}")


def require_agents_token(accounts: Accounts, token: SecretStr, *, user_id: str | None) -> User:
    """
    Whose an agent's token is.

    Raises:
        IdentityRefusedError: The backend refuses it, or it is no external agent's, or another one's.
        ConfigError, UnavailableError, TransportError: As of `Accounts`.
    """
    user = accounts.whose(token, fix="Put the agent's token there: mycel-runtime token import")
    require_agent(user, server=accounts.base_url, user_id=user_id)
    return user


def require_kept_token(accounts: Accounts, path: Path, *, user_id: str | None) -> User:
    """
    Whose the token is that an earlier run has left.

    Raises:
        ConfigError: It cannot be used, or is another agent's than the wished one.
        UnavailableError, TransportError: As of `Accounts`.
    """
    try:
        return require_agents_token(accounts, read_token_file(path), user_id=user_id)
    except IdentityRefusedError as exc:
        raise ConfigError(
            f"a token is there that cannot be used: {exc.detail}",
            where=str(path),
            fix="Move it away, or take another --name.",
        ) from exc


def unused_name(wished: str) -> str:
    """This name, or the first with a number behind it that no agent on this machine has."""
    names = (wished if number == 1 else f"{wished}-{number}" for number in count(1))
    return next(name for name in names if state_of(name) is None)


def _contradiction(config: Path, option: str, there: str) -> ArgumentError:
    return ArgumentError(
        f"{option}: {config} is there already, and says {there}",
        fix="Edit that file, or name another one with --config.",
    )
