"""What a handler wants to hear. Pure, so that the router can decide without knowing handlers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import NOTIFICATION, UNKNOWN

if TYPE_CHECKING:
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.pattern import ContentPattern
    from mycel_runtime.plugin.schedule import Schedule

ChatFilter = Literal["direct", "group", "any"]
SenderFilter = Literal["human", "agent", "any"]
NotificationFilter = bool | Literal["only"]
Moment = Literal["start", "stop"]
EventKind = Literal["frame", "relationship", "join_request", "chat", "workflow_event"]

_EVENT_TYPES: Final[dict[EventKind, tuple[str, ...]]] = {
    "relationship": ("relationship.*",),
    "join_request": ("chat.join_request.changed",),
    "chat": ("chat.joined", "chat.left", "chat.join.rejected"),
    "workflow_event": ("chat.workflow.event", "chat.workflow_event.changed"),
}
"""What tells of a kind: the server's frames, and what a look at its lists finds. Source: contract 5.5, Q36."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSubscription:
    """
    Messages of chats.

    What the server can never tell of a chat or a sender holds nothing back: better shown in vain than not at all.

    Attributes:
        chat: Kind of chat.
        mention: Only messages that mention the agent.
        sender: `agent` means managed and external agents.
        pattern: Must be found in the content.
        notifications: Also what the platform writes in a stranger's words; or that only.
    """

    chat: ChatFilter = "any"
    mention: bool = False
    sender: SenderFilter = "any"
    pattern: ContentPattern | None = None
    notifications: NotificationFilter = False

    def wants(self, message: Message, chat_type: str) -> bool:
        """Whether the handler is to be shown this message of a chat of this type; empty: unknown."""
        return (
            self._wants_type(message.message_type)
            and (self.chat == "any" or chat_type in {"", self.chat})
            and (not self.mention or message.mentions_me)
            and self._wants_sender(message.sender.type)
            and (self.pattern is None or self.pattern.is_in(message.content))
        )

    @property
    def wants_all(self) -> bool:
        """Whether it wants whatever anybody says, wherever."""
        is_choosy = self.mention or self.pattern is not None or self.notifications == "only"
        return self.chat == "any" and self.sender == "any" and not is_choosy

    def _wants_type(self, message_type: str) -> bool:
        if message_type == NOTIFICATION:
            return bool(self.notifications)
        return self.notifications != "only"

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
    """
    Frames by event type.

    Attributes:
        pattern: A shell pattern such as `relationship.*`, of a plain `frame`.
        kind: What they tell of.
    """

    pattern: str = "*"
    kind: EventKind = "frame"

    def wants(self, event_type: str) -> bool:
        """Whether the handler is to be given a frame of this type."""
        if self.kind == "frame":
            return fnmatchcase(event_type, self.pattern)
        return any(fnmatchcase(event_type, each) for each in _EVENT_TYPES[self.kind])


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSubscription:
    """Timers that the plugin itself sets, by their name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSubscription:
    """Answers to what the plugin itself has asked, by its name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSubscription:
    """
    Times that come again and again.

    Attributes:
        catch_up: Whether what was missed is made good by one call, however much it was; else it is let pass.
    """

    schedule: Schedule
    catch_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSubscription:
    """
    The agent's start, or its stop.

    Attributes:
        order: Lower ones start earlier, and stop later.
    """

    moment: Moment
    order: int = 0


Subscription: TypeAlias = (
    MessageSubscription
    | FrameSubscription
    | TimerSubscription
    | AnswerSubscription
    | ScheduleSubscription
    | HookSubscription
)
