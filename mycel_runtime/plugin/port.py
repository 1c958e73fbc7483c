"""
What a context asks of the runtime.

A context is written once and does not know where its handler runs: beside the runtime it is given what does the work
(`conversation`), in its plugin's own process what carries each call there (`isolation.remote_port`). So arguments and
results are JSON, nothing else; and whoever does the work checks what he is given, for a plugin's process may say
anything. What awaits nothing takes effect when the run returns, at the latest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire.resources import Member


class StoredReply(TypedDict):
    """A `Sent`."""

    message_id: str
    seq: int


class ToldMessage(TypedDict):
    """A message as the API told it, and what its sender is, which it does not tell."""

    raw: dict[str, Any]
    sender_type: str


class ToolEntry(TypedDict):
    """A `ToolServer`."""

    command: list[str]
    environment: dict[str, str]


class AnswerWish(TypedDict):
    """
    What is wanted of a question.

    Attributes:
        name: Of the answer's handler.
        data: JSON, which it is given.
        seconds: Until nobody waits any more.
        user_id: Whose answer; `None`: that of the only other one in the chat.
    """

    name: str
    data: str
    seconds: float
    user_id: str | None


class SdkPort(Protocol):
    """
    For every context.

    Raises:
        TurnEndedError, ApiError, ArgumentError: As the methods of the SDK's clients tell.
    """

    async def call_sdk(self, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """What a method of the SDK, `chats.get` for example, returns for these arguments; as JSON."""


class RunPort(Protocol):
    """
    For every context.

    Raises:
        TurnEndedError, ApiError, ArgumentError: As the methods of the context tell.
    """

    async def say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        """Say something in whatever chat, at most once."""

    async def ask(
        self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str, wish: AnswerWish
    ) -> None:
        """Ask something in whatever chat, at most once."""

    async def direct(self, user_id: str) -> str:
        """The id of the direct chat with somebody."""

    async def read(self, chat_id: str, limit: int) -> list[ToldMessage]:
        """What the plugin has not been shown in a chat."""

    def count_read(self, chat_id: str, seq: int) -> None:
        """What `read` told, up to this number, has come to the handler."""


class ChatPort(Protocol):
    """
    For a `MessageContext`, whose methods say more of each.

    Raises:
        TurnEndedError, ApiError, ArgumentError: As the methods of the context tell.
    """

    async def reply(self, text: str, mentions: Sequence[str]) -> StoredReply:
        """Say something in the chat, at most once."""

    async def history(self, limit: int, before: int | None) -> list[ToldMessage]:
        """The newest messages below a number, oldest first."""

    async def newer(self) -> list[ToldMessage]:
        """What has not been shown; it is now."""

    async def members(self) -> list[Member]:
        """Who is in the chat."""

    async def tools(self) -> ToolEntry:
        """How an agent's tools speak as this run."""

    def withdraw(self) -> None:
        """What the run before said too late is not said."""


class RequestPort(Protocol):
    """
    For the context of something that somebody asks for.

    Raises:
        TurnEndedError, ApiError: As the methods of the context tell.
    """

    async def approve(self) -> bool:
        """Grant it; whether it is granted."""

    async def reject(self, why: str) -> bool:
        """Do not; whether it is not."""


class MessagePort(SdkPort, RunPort, ChatPort, Protocol):
    """All of a `MessageContext`."""


class DecisionPort(SdkPort, RunPort, RequestPort, Protocol):
    """All of a context of something that somebody asks for."""
