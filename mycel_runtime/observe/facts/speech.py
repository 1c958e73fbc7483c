"""Speaking: what was said, what was not, and who else speaks as the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Fact):
    """The backend stored what a handler said."""

    name: ClassVar[str] = "message.sent"
    handler: str
    chat_id: str
    message_seq: int
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDropped(Fact):
    """Somebody spoke before what a handler was to say first, and then it is not to be said."""

    name: ClassVar[str] = "utterance.dropped"
    handler: str
    chat_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDecided(Fact):
    """A question has its outcome, of which its handler is told: `answered`, `timed_out`, or `unsaid`."""

    name: ClassVar[str] = "question.decided"
    plugin: str
    question: str
    chat_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsForgotten(Fact):
    """Nobody handles the answers any more: they are shown to the handlers of messages, as any message."""

    name: ClassVar[str] = "question.forgotten"
    level: ClassVar[Level] = "warning"
    plugin: str
    question: str
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendConflicted(Fact):
    """Somebody spoke first; the handler is asked again with the new messages in view."""

    name: ClassVar[str] = "send.conflicted"
    alike_by: ClassVar[tuple[str, ...]] = ("handler", "chat_id")
    handler: str
    chat_id: str
    unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendUnresolved(Fact):
    """The outcome of a send is unknown; the chat's history is read before anything is sent again."""

    name: ClassVar[str] = "send.unresolved"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("handler", "chat_id", "error")
    handler: str
    chat_id: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendParked(Fact):
    """The history cannot be read for long: nobody can tell whether a message was stored. Nothing is sent again."""

    name: ClassVar[str] = "send.parked"
    level: ClassVar[Level] = "error"
    handler: str
    chat_id: str
    send: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinDetected(Fact):
    """An own message that this journal has not sent: somebody else speaks as this agent."""

    name: ClassVar[str] = "twin.detected"
    level: ClassVar[Level] = "error"
    chat_id: str
    message_seq: int
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinReleased(Fact):
    """The operator says that the agent is alone again."""

    name: ClassVar[str] = "twin.released"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOutdated(Fact):
    """
    Messages that were due here have been answered in this agent's name before the start, and not by this journal.

    They are dead letters, all counted since the start: `mycel-runtime dead retry` answers them.
    """

    name: ClassVar[str] = "journal.outdated"
    level: ClassVar[Level] = "error"
    chats: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSendFailed(Fact):
    """The backend answered 500 to a send that it had stored; the stored message is the result (Q21)."""

    name: ClassVar[str] = "send.stored_despite_error"
    level: ClassVar[Level] = "warning"
    chat_id: str
    message_seq: int
