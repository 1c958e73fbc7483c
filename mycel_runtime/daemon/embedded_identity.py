"""
Who lives with an embedded backend: an owner, the agent, and a direct chat between them.

Made at the first start, kept in the state directory, so that a second terminal can speak as the owner.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from mycel_runtime.errors import ConfigError, StateDirectoryError
from mycel_runtime.known_secrets import remember_secret
from mycel_runtime.sdk import AsyncClient

if TYPE_CHECKING:
    from pathlib import Path

OWNER_NAME: Final = "owner"
FILE_NAME: Final = "embedded-identity.json"


class EmbeddedIdentity(BaseModel):
    """
    Tokens and ids.

    Attributes:
        base_url: Of the running backend; another port after each start unless one is configured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    owner_id: str
    owner_token: SecretStr
    agent_id: str
    agent_token: SecretStr
    chat_id: str

    @field_serializer("owner_token", "agent_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


def read_embedded_identity(state_dir: Path) -> EmbeddedIdentity | None:
    """
    The embedded identity of this state directory, if one was made.

    Raises:
        StateDirectoryError: Its file is damaged.
    """
    path = state_dir / FILE_NAME
    try:
        return _remembered(EmbeddedIdentity.model_validate_json(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as exc:
        raise StateDirectoryError(
            "the embedded identity cannot be read",
            where=str(path),
            fix="Remove this state directory to begin anew.",
        ) from exc


def require_embedded_identity(state_dir: Path) -> EmbeddedIdentity:
    """
    The identity of an embedded backend that was started once.

    Raises:
        ConfigError: It never was.
    """
    embedded = read_embedded_identity(state_dir)
    if embedded is None:
        raise ConfigError(
            "nobody has started this agent yet",
            where=str(state_dir),
            fix="Start it in another terminal: mycel-runtime run --config …",
        )
    return embedded


async def settle_embedded_identity(state_dir: Path, base_url: str, agent_name: str) -> EmbeddedIdentity:
    """
    The embedded identity at this address; made by ordinary API calls if there is none.

    Raises:
        ApiError: The backend does not know its own identities any more: its database was removed.
    """
    embedded = read_embedded_identity(state_dir)
    if embedded is None:
        embedded = await _make(base_url, agent_name)
    else:
        embedded = embedded.model_copy(update={"base_url": base_url})
    _write(state_dir / FILE_NAME, embedded)
    return embedded


async def _make(base_url: str, agent_name: str) -> EmbeddedIdentity:
    async with AsyncClient(base_url=base_url) as nobody:
        owner = await nobody.auth.create_guest_owner(OWNER_NAME)
    async with AsyncClient(base_url=base_url, auth_token=owner["token"]) as sdk:
        agent = await sdk.auth.create_external_user(agent_name, agent_name)
        chat = await sdk.chats.ensure_direct(agent["user"]["id"])
    return _remembered(
        EmbeddedIdentity(
            base_url=base_url,
            owner_id=owner["user"]["id"],
            owner_token=SecretStr(owner["token"]),
            agent_id=agent["user"]["id"],
            agent_token=SecretStr(agent["token"]),
            chat_id=chat["id"],
        )
    )


def _remembered(embedded: EmbeddedIdentity) -> EmbeddedIdentity:
    """Its tokens stay out of all lines."""
    for token in (embedded.owner_token, embedded.agent_token):
        remember_secret(token.get_secret_value())
    return embedded


def _write(path: Path, embedded: EmbeddedIdentity) -> None:
    """Whole or not at all, readable by its owner only."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(embedded.model_dump_json())
    temporary.replace(path)
