"""What a handler wants to hear. Pure, so that the router can decide without knowing handlers."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from mycel_runtime.plugin.message import UNKNOWN

if TYPE_CHECKING:
    import re

    from mycel_runtime.plugin.message import Message

ChatFilter = Literal["direct", "group", "any"]
SenderFilter = Literal["human", "agent", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSubscription:
    """
    Messages of chats.

    What the server can never tell of a chat or a sender holds nothing back: better shown in vain than not at all.

    Attributes:
        chat: Kind of chat.
        mention: Only messages that mention the agent.
        sender: `agent` means managed and external agents.
        pattern: Regular expression that must be found in the content.
    """

    chat: ChatFilter = "any"
    mention: bool = False
    sender: SenderFilter = "any"
    pattern: re.Pattern[str] | None = None

    def wants(self, message: Message, chat_type: str) -> bool:
        """Whether the handler is to be shown this message of a chat of this type; empty: unknown."""
        return (
            (self.chat == "any" or chat_type in {"", self.chat})
            and (not self.mention or message.mentions_me)
            and self._wants_sender(message.sender.type)
            and (self.pattern is None or self.pattern.search(message.content) is not None)
        )

    def _wants_sender(self, sender_type: str) -> bool:
        match self.sender:
            case "any":
                return True
            case "human":
                return sender_type in {"human", UNKNOWN}
            case "agent":
                return sender_type in {"agent", "external", UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSubscription:
    """Frames by event type; `pattern` is a shell pattern such as `relationship.*`."""

    pattern: str

    def wants(self, event_type: str) -> bool:
        """Whether the handler is to be given a frame of this type."""
        return fnmatchcase(event_type, self.pattern)


Subscription: TypeAlias = MessageSubscription | FrameSubscription
