"""
The owner's side of the conversation with an agent, for `chat`, `send` and `read`.

An embedded backend keeps owner and chat in the state directory; elsewhere the owner's token is
given, and the chat is the direct one with the agent. Polled, because humans are never woken (Q35).
"""

from __future__ import annotations

import contextlib
import time
import unicodedata
from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.daemon.control import ask_status
from mycel_runtime.daemon.embedded_identity import require_embedded_identity
from mycel_runtime.daemon.network import network_of
from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ContentTooLargeError,
    ControlError,
    IdentityRefusedError,
    IntermediaryError,
    InvalidResponseError,
    NoDaemonError,
    NotCaughtUpError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StateDirectoryError,
    TransportError,
    UnavailableError,
    ValidationError,
)
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.sdk import Client
from mycel_runtime.settings import load_settings, read_token, read_token_file
from mycel_runtime.setup.owner_store import read_owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from mycel_runtime.sdk import Network
    from mycel_runtime.settings import Settings
    from mycel_runtime.wire.resources import Message

_POLL_SECONDS: Final = 0.2
_AWAY_SECONDS: Final = 1.0
"""Between two questions while the backend does not answer."""

_SEND_TRIES: Final = 10

_PLAIN_CONTROLS: Final = frozenset("\t\n\r")


@dataclass(slots=True)
class Conversation:
    """
    One chat, as one of its members.

    Attributes:
        me: The speaker's user id.
        server: For error texts.
    """

    client: Client
    chat_id: str
    me: str
    server: str = "the backend"

    def say(self, text: str) -> Message:
        """
        Send, after reading what is unread; what it read is not shown by this call.

        Raises:
            UsageError: The text cannot be said, or not in this chat.
            UnavailableError: Not now; others spoke every time in between.
            IdentityRefusedError: The token is refused.
            TransportError: The backend did not answer.
        """
        require_sayable(text)
        with _in_chat(self.chat_id), _as_speaker(self.server, "Put the owner's token there."):
            for _ in range(_SEND_TRIES):
                self.client.messages.read(self.chat_id)
                try:
                    return self.client.messages.send(self.chat_id, text)
                except NotCaughtUpError:
                    continue
        raise UnavailableError("others speak every time in between", fix="Try again in a moment.")

    def history(self, limit: int) -> list[Message]:
        """The newest messages, oldest first; raises as `say`."""
        with _in_chat(self.chat_id), _as_speaker(self.server, "Put the owner's token there."):
            return self.client.messages.list(self.chat_id, limit=limit)

    def heard_after(self, seq: int, *, seconds: float | None) -> Iterator[Message]:
        """Others' messages above `seq` as they come, for `seconds` at most; an absent backend is waited for."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while deadline is None or time.monotonic() < deadline:
            try:
                newest = self.history(50)
            except (TransportError, UnavailableError):
                time.sleep(_AWAY_SECONDS)
                continue
            for message in newest:
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
        IdentityRefusedError: A token is refused.
        TransportError: The backend did not answer.
    """
    settings = load_settings(config)
    if settings.is_embedded:
        embedded = require_embedded_identity(find_state_dir(settings, config))
        client = Client(base_url=embedded.base_url, auth_token=embedded.owner_token.get_secret_value())
        return Conversation(client, chat_id or embedded.chat_id, embedded.owner_id, embedded.base_url)
    token = _owners_token(settings.agent.base_url, token_file).get_secret_value()
    network = network_of(settings, config)
    client = Client(base_url=settings.agent.base_url, auth_token=token, network=network)
    with (
        _at_backend(config),
        _as_speaker(settings.agent.base_url, _renewal(settings.agent.base_url, token_file)),
    ):
        me = client.me.whoami()["id"]
    chat_id = chat_id or _direct_chat(client, settings, config, network)
    return Conversation(client, chat_id, me, settings.agent.base_url)


def _owners_token(base_url: str, token_file: Path | None) -> SecretStr:
    """Of the file, else of who has logged in on this machine."""
    if token_file is not None:
        return read_token_file(token_file)
    if (owner := read_owner(base_url)) is None:
        raise ConfigError(
            "nobody to speak as",
            where="--token-file",
            fix=f"Name a file with the owner's token, or log in: mycel-runtime login --backend {base_url}",
        )
    return owner.token


def _renewal(base_url: str, token_file: Path | None) -> str:
    if token_file is None:
        return f"Log in again: mycel-runtime login --backend {base_url}"
    return f"Put the owner's token into {token_file}."


def require_sayable(text: str) -> None:
    """
    Refuse what no chat takes, or no terminal should have sent.

    Raises:
        UsageError: Nothing but blanks, bytes that are no UTF-8, or control characters.
    """
    if not text.strip():
        raise click.UsageError("nothing to say: the text is blank")
    for place, character in enumerate(text, start=1):
        if unicodedata.category(character) == "Cs":
            raise click.UsageError(f"the text is not UTF-8, at character {place}")
        if unicodedata.category(character) == "Cc" and character not in _PLAIN_CONTROLS:
            raise click.UsageError(f"the text has a control character, U+{ord(character):04X}, at {place}")


def _direct_chat(client: Client, settings: Settings, config: Path, network: Network) -> str:
    agent_id = _agent_told(settings, config) or _agent_asked(settings, config, network)
    with _as_speaker(settings.agent.base_url, "Put the owner's token there."):
        return client.chats.ensure_direct(agent_id)["id"]


def _agent_told(settings: Settings, config: Path) -> str | None:
    """The agent's id, of its configuration or its daemon; a token that a unit hands out is nobody else's."""
    if settings.agent.user_id is not None:
        return settings.agent.user_id
    with contextlib.suppress(NoDaemonError, ControlError, StateDirectoryError):
        return ask_status(find_state_dir(settings, config)).user_id
    return None


def _agent_asked(settings: Settings, config: Path, network: Network) -> str:
    """The agent's id, as the backend tells whoever has its token."""
    try:
        token = read_token(settings).get_secret_value()
    except ConfigError as exc:
        if settings.agent.token_file is not None or settings.agent.token is not None:
            raise
        raise ConfigError(
            "which agent is this? No daemon tells, and there is no token of its own here",
            where=f"{config}: [agent]",
            fix="Start the daemon, or name the agent by [agent] user_id, or the chat by --chat.",
        ) from exc
    fix = "Put the agent's own token into [agent] token_file."
    with (
        Client(base_url=settings.agent.base_url, auth_token=token, network=network) as agent,
        _at_backend(config),
        _as_speaker(settings.agent.base_url, fix),
    ):
        return agent.me.whoami()["id"]


@contextlib.contextmanager
def _as_speaker(server: str, fix: str) -> Iterator[None]:
    """What any call may be answered, as an operator wants to read it."""
    try:
        yield
    except AuthenticationError as exc:
        raise IdentityRefusedError(server, exc.detail, fix=fix) from exc
    except (IntermediaryError, RateLimitedError, ServerError) as exc:
        raise UnavailableError(f"{server}: {exc}", fix="Try again in a moment.") from exc


@contextlib.contextmanager
def _at_backend(config: Path) -> Iterator[None]:
    """Who we are is what every backend can say; who cannot is none."""
    try:
        yield
    except (InvalidResponseError, NotFoundError, PermissionDeniedError) as exc:
        raise ConfigError(
            f"no Mycel backend answers there: {exc}",
            where=f"{config}: [agent] base_url",
            fix="Correct the address.",
        ) from exc


@contextlib.contextmanager
def _in_chat(chat_id: str) -> Iterator[None]:
    """What was typed is wrong, not the program."""
    try:
        yield
    except (NotFoundError, PermissionDeniedError) as exc:
        raise click.UsageError(f"no chat {chat_id} for this speaker: {exc}; name one with --chat") from exc
    except (BadRequestError, ValidationError) as exc:
        raise click.UsageError(f"the backend does not take this: {exc}") from exc
    except ContentTooLargeError as exc:
        raise click.UsageError(f"the text is too long: {exc}") from exc
