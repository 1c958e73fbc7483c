"""Where an agent's backend is, and the local one that lives inside its process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.daemon.embedded_identity import EmbeddedIdentity, settle_embedded_identity
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import SecretStr

    from mycel_runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentBackend:
    """Where the agent's backend is and how it is spoken to; `embedded` only of an embedded one."""

    base_url: str
    token: SecretStr
    embedded: EmbeddedIdentity | None = None


@contextlib.asynccontextmanager
async def opened_backend(settings: Settings, token: SecretStr | None) -> AsyncIterator[AgentBackend]:
    """
    The agent's; an embedded one lives meanwhile.

    Args:
        settings: The agent's.
        token: `None` for an embedded backend, which makes its own.
    """
    if not settings.is_embedded:
        assert token is not None
        yield AgentBackend(base_url=settings.agent.base_url, token=token)
        return
    async with _embedded(settings) as base_url:
        embedded = await settle_embedded_identity(settings.state_dir, base_url, settings.agent.name)
        yield AgentBackend(base_url=base_url, token=embedded.agent_token, embedded=embedded)


@contextlib.asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[str]:
    """A backend of our own, in a thread of its own; it ends after everybody who speaks to it."""
    from mycel_runtime.backend.server import BackendOptions, LocalBackend  # noqa: PLC0415 - only who embeds pays

    options = BackendOptions(database=settings.state_dir / "backend.sqlite3", port=settings.backend.port)
    backend = LocalBackend(options)
    await asyncio.to_thread(backend.start)
    try:
        yield backend.base_url
    finally:
        await asyncio.to_thread(backend.stop)
