"""Speaking: what was said, what was not, and who else speaks as the agent."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import ChatFact, Fact, HandlerInChatFact, Level, PluginFact


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(HandlerInChatFact):
    """
    The backend stored what a handler said.

    Attributes:
        message_seq: Its number in the chat.
        recovered: It was found to be stored after its send had failed.
    """

    name: ClassVar[str] = "message.sent"
    message_seq: int
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDropped(HandlerInChatFact):
    """Somebody spoke before what a handler was to say first, and then it is not to be said."""

    name: ClassVar[str] = "utterance.dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDecided(PluginFact):
    """
    A question has its outcome, of which its handler is told: `answered`, `timed_out`, or `unsaid`.

    Attributes:
        question: The name of its handler.
        chat_id: Where it was asked.
        outcome: `answered`, `timed_out`, or `unsaid`.
    """

    name: ClassVar[str] = "question.decided"
    question: str
    chat_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsForgotten(PluginFact):
    """
    Nobody handles the answers any more: they are shown to the handlers of messages, as any message.

    Attributes:
        question: The name of the handler that is gone.
        questions: How many are open.
    """

    name: ClassVar[str] = "question.forgotten"
    level: ClassVar[Level] = "warning"
    question: str
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendConflicted(HandlerInChatFact):
    """
    Somebody spoke first; the handler is asked again with the new messages in view.

    Attributes:
        unseen: Messages that it has not seen.
    """

    name: ClassVar[str] = "send.conflicted"
    alike_by: ClassVar[tuple[str, ...]] = ("handler", "chat_id")
    unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendUnresolved(HandlerInChatFact):
    """
    The outcome of a send is unknown; the chat's history is read before anything is sent again.

    Attributes:
        error: The type's name.
    """

    name: ClassVar[str] = "send.unresolved"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("handler", "chat_id", "error")
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendParked(HandlerInChatFact):
    """
    The history cannot be read for long: nobody can tell whether a message was stored. Nothing is sent again.

    Attributes:
        send: Its name, for `mycel-runtime outbox settle`.
    """

    name: ClassVar[str] = "send.parked"
    level: ClassVar[Level] = "error"
    send: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinDetected(ChatFact):
    """
    An own message that this journal has not sent: somebody else speaks as this agent.

    Attributes:
        message_seq: Of the message.
        is_held: Nothing is said from now on; else it is only told.
    """

    name: ClassVar[str] = "twin.detected"
    level: ClassVar[Level] = "error"
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

    Attributes:
        chats: In how many chats.
        messages: How many, since the start.
    """

    name: ClassVar[str] = "journal.outdated"
    level: ClassVar[Level] = "error"
    chats: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSendFailed(ChatFact):
    """
    The backend answered 500 to a send that it had stored; the stored message is the result (Q21).

    Attributes:
        message_seq: Of the stored message.
    """

    name: ClassVar[str] = "send.stored_despite_error"
    level: ClassVar[Level] = "warning"
    message_seq: int
