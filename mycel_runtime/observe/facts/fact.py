"""Something that happened, as such."""

from __future__ import annotations

from typing import ClassVar, Literal

from mycel_runtime.lazy_dataclass import dataclass

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    Something that happened.

    Attributes:
        name: The log event.
        level: Of its line.
        alike_by: One cause can make it happen thousands of times a second: those which have the same values of these
            fields have one line a second. `None`: each has its own.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    alike_by: ClassVar[tuple[str, ...] | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFact(Fact):
    """
    Something about a plugin.

    Attributes:
        plugin: Its name, as of its table.
    """

    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFact(Fact):
    """
    Something about a handler.

    Attributes:
        handler: Known as `plugin.function`.
    """

    handler: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFact(HandlerFact):
    """
    Something about a handler's delivery.

    Attributes:
        lane: Of the delivery.
    """

    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFact(Fact):
    """
    Something about a chat.

    Attributes:
        chat_id: Which one.
    """

    chat_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerInChatFact(HandlerFact):
    """
    Something about what a handler says, or is not to say.

    Attributes:
        chat_id: Where.
    """

    chat_id: str
