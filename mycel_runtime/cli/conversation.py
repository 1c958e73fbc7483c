"""
The owner's side of the conversation with an agent, for `chat`, `send` and `read`.

With an embedded backend its identity file in the state directory knows owner and chat; elsewhere the owner's token is
given, and the chat is the direct one with the agent. Polled, because humans are never woken (Q35).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.embedded_identity import require_embedded_identity
from mycel_runtime.errors import ConfigError, NotCaughtUpError
from mycel_runtime.sdk import Client
from mycel_runtime.settings import load_settings, read_token, read_token_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.resources import Message

_POLL_SECONDS: Final = 0.2
_SEND_TRIES: Final = 10


@dataclass(slots=True)
class Conversation:
    """
    One chat, as one of its members.

    Attributes:
        me: The speaker's user id.
    """

    client: Client
    chat_id: str
    me: str

    def say(self, text: str) -> Message:
        """
        Send, after reading what is unread; what it read is not shown by this call.

        Raises:
            NotCaughtUpError: Others spoke every time in between.
            ApiError: The backend refused or did not answer.
        """
        for _ in range(_SEND_TRIES):
            self.client.messages.read(self.chat_id)
            try:
                return self.client.messages.send(self.chat_id, text)
            except NotCaughtUpError:
                continue
        raise NotCaughtUpError(409, "others keep speaking; try again")

    def history(self, limit: int) -> list[Message]:
        """The newest messages, oldest first."""
        return self.client.messages.list(self.chat_id, limit=limit)

    def heard_after(self, seq: int, *, seconds: float | None) -> Iterator[Message]:
        """Others' messages above `seq` as they come, for `seconds` at most."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while deadline is None or time.monotonic() < deadline:
            for message in self.history(50):
                if message["seq"] > seq:
                    seq = message["seq"]
                    if message["sender_id"] != self.me:
                        yield message
            time.sleep(_POLL_SECONDS)


def open_conversation(config: Path, token_file: Path | None, chat_id: str | None) -> Conversation:
    """
    The owner's conversation with the agent of a configuration.

    Raises:
        ConfigError: Configuration, embedded identity or token are missing or wrong.
        ApiError: The backend refused or did not answer.
    """
    settings = load_settings(config)
    if settings.is_embedded:
        embedded = require_embedded_identity(settings.state_dir)
        client = Client(base_url=embedded.base_url, auth_token=embedded.owner_token.get_secret_value())
        return Conversation(client, chat_id or embedded.chat_id, embedded.owner_id)
    if token_file is None:
        raise ConfigError(
            "nobody to speak as",
            where="--token-file",
            fix="Name a file with the owner's token; only an embedded backend makes an owner by itself.",
        )
    token = read_token_file(token_file).get_secret_value()
    client = Client(base_url=settings.agent.base_url, auth_token=token, proxy=settings.agent.proxy)
    me = client.me.whoami()["id"]
    return Conversation(client, chat_id or _direct_chat(client, settings), me)


def _direct_chat(client: Client, settings: Settings) -> str:
    """The direct chat with the agent, whose id its own token tells."""
    token = read_token(settings).get_secret_value()
    with Client(base_url=settings.agent.base_url, auth_token=token, proxy=settings.agent.proxy) as agent:
        agent_id = agent.me.whoami()["id"]
    return client.chats.ensure_direct(agent_id)["id"]
