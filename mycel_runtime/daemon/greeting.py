"""
The first conversation: the owner of an embedded backend greets, the agent answers, the terminal shows both.

This is display, not logging: the texts go to the terminal of whoever set `[backend] greeting`, and nowhere else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError
from mycel_runtime.sdk import AsyncClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.daemon.embedded_identity import EmbeddedIdentity

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 30.0


async def greet(
    embedded: EmbeddedIdentity, text: str, *, agent_name: str, show: Callable[[str], None]
) -> None:
    """
    Say `text` as the owner and show it and the agent's next message.

    Cancelling: the greeting may have been sent.
    """
    token = embedded.owner_token.get_secret_value()
    async with AsyncClient(base_url=embedded.base_url, auth_token=token) as owner:
        try:
            await owner.messages.read(embedded.chat_id)
            sent = await owner.messages.send(embedded.chat_id, text, enforce_caught_up=False)
            show(f"owner> {text}")
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await _answer(owner, embedded, sent["seq"])
            show(f"{agent_name}> {answer}")
        except TimeoutError:
            show(f"{agent_name} has not answered within {_PATIENCE_SECONDS:.0f} seconds.")
        except ApiError as exc:
            show(f"The greeting failed: {exc}")


async def _answer(owner: AsyncClient, embedded: EmbeddedIdentity, after_seq: int) -> str:
    """The agent's first message above `after_seq`. Polled: humans are never woken (Q35)."""
    while True:
        for message in await owner.messages.list(embedded.chat_id, limit=10):
            if message["seq"] > after_seq and message["sender_id"] == embedded.agent_id:
                return message["content"]
        await asyncio.sleep(_POLL_SECONDS)
