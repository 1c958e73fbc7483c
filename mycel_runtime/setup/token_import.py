"""A token that somebody has been given becomes an agent's own, once the backend has said whose it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import SecretStr

from mycel_runtime.daemon.network import network_of
from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import ArgumentError, ConfigError, IdentityRefusedError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.settings import load_settings, read_token_file
from mycel_runtime.setup.accounts import Accounts
from mycel_runtime.setup.existing import require_agents_token
from mycel_runtime.setup.private_file import write_file
from mycel_runtime.units.handed_token import handed_token

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.units.handed_token import HandedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedToken:
    """
    Whose it is, and where it was put.

    Attributes:
        restart: The command without which the agent does not get it; empty: it takes it by itself.
    """

    user_id: str
    name: str
    path: Path
    restart: str = ""


def import_token(config: Path, text: str, *, may_replace: bool) -> ImportedToken:
    """
    Check a token, and keep it.

    Args:
        config: The agent's file.
        text: The token.
        may_replace: Also where another agent's is.

    Raises:
        ArgumentError: There is another agent's token, and that may not be replaced.
        ConfigError: The file names no place for it, or it cannot be written.
        IdentityRefusedError: The backend refuses it, or it is no external agent's.
        UnavailableError, TransportError: The backend is not to be had now.
    """
    settings = load_settings(config)
    if settings.is_embedded:
        raise ConfigError(
            "an embedded backend makes the agent's token itself",
            where=f"{config}: [agent] base_url",
            fix="Set base_url to the address of the backend that the token is of.",
        )
    handed = handed_token(config, settings.agent.name, os.environ)
    path = settings.agent.token_file or (handed.file if handed else None)
    if path is None:
        raise ConfigError(
            "names no place for a token",
            where=f"{config}: [agent]",
            fix=f'Add: token_file = "{config.stem}.token"',
        )
    accounts = Accounts(base_url=settings.agent.base_url, network=network_of(settings, config))
    user = require_agents_token(accounts, SecretStr(_word(text)), user_id=settings.agent.user_id)
    if not may_replace and (other := _other(accounts, path, user["id"])) is not None:
        raise ArgumentError(
            f"{path} has the token of {other}, and this is that of {user['id']}",
            fix="Name another --config, or say --replace.",
        )
    write_file(path, _word(text) + "\n")
    return ImportedToken(
        user_id=user["id"],
        name=user["name"],
        path=path,
        restart=_restart(handed, path, find_state_dir(settings, config)),
    )


def _restart(handed: HandedToken | None, written: Path, state_dir: Path) -> str:
    """Of a unit that hands this file over, unless its daemon has the token already."""
    if handed is None or handed.file.resolve() != written.resolve():
        return ""
    return handed.restart if handed.is_outdated(state_dir, otherwise=True) else ""


def _word(text: str) -> str:
    """
    What can stand in a header.

    Raises:
        ArgumentError: It cannot.
    """
    word = text.strip()
    if not word or not all("!" <= character <= "~" for character in word):
        raise ArgumentError("this is no token", fix="Give one word of printable ASCII, and nothing else.")
    return word


def _other(accounts: Accounts, path: Path, user_id: str) -> str | None:
    """Whose good token is there, if it is somebody else's; one that is refused, or open to others, is nobody's."""
    try:
        there = accounts.whose(read_token_file(path), fix="")["id"]
    except (ConfigError, IdentityRefusedError):
        return None
    return None if there == user_id else there
