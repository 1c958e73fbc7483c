"""
The journal's rows, as values that do not change. Times are epoch seconds of the wall clock.

What is made for every frame is a tuple: making a frozen dataclass costs several times as much.

A delivery is (handler × lane). Chat work has one delivery for ever, with a cursor: it is due while
`wanted_seq` is above `handled_seq`. Event work has one delivery per entry, deleted when finished.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NewType, TypeAlias

from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.questions import OpenQuestions, Question
    from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageId, UserId

EntryId = NewType("EntryId", int)
"""A journaled frame, in order of arrival."""

DeliveryId = NewType("DeliveryId", int)
"""A delivery; never used again after it is deleted."""

HandlerId = NewType("HandlerId", str)
"""`plugin.handler`: stable across restarts, because cursors hang on it."""


def plugin_of(handler: HandlerId) -> str:
    """The name of a handler's plugin."""
    return handler.partition(".")[0]


TOOLS: Final = "mcp"
"""In the place of a plugin's name, of what is read and said by `mycel-runtime mcp`. No plugin may have it."""

TOOL_REPLY: Final = HandlerId(f"{TOOLS}.reply")
"""Says an answer to what was read by a tool; not after anything that whoever answers has not been shown."""

TOOL_SAY: Final = HandlerId(f"{TOOLS}.say")
"""Says first, as `ctx.say` does."""

TOOL_READ: Final = HandlerId(f"{TOOLS}.read")
"""Reads, as `ctx.read` does."""


Lane = NewType("Lane", str)
"""What must be in order: `chat:<id>`, `relationship:<id>`, `timer:<plugin>.<name>`, `inbox`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """
    How far the stream has been heard without a gap.

    `seq` means nothing across a restart of the server (Q1): the number is good for one server, one identity
    and one epoch only.
    """

    identity: UserId
    server: str
    epoch: int
    since_seq: InboxSeq


class Entry(NamedTuple):
    """
    A frame as it came: a row, its columns in their order.

    Attributes:
        seq: `None` for what has no number: unknown and malformed frames, and what reconcile found out.
        kind: The event type, `!unknown`, or `!malformed`.
        raw: The text as received; metadata only, never a message body.
    """

    identity: UserId
    epoch: int
    seq: InboxSeq | None
    kind: str
    fingerprint: str
    ts: float | None
    raw: str
    received_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatWork:
    """
    Level-triggered: `handler` should look at the chat.

    Attributes:
        wanted_seq: Look at least so far; `None` when the hint had no number: look once more.
        after_seq: Where a handler that has never looked at the chat begins; `None`: where the server's cursor stands.
    """

    handler: HandlerId
    lane: Lane
    chat_id: ChatId
    wanted_seq: MessageSeq | None
    after_seq: MessageSeq | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWork:
    """Edge-triggered: `handler` should see this one entry."""

    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None = None


class Arrival(NamedTuple):
    """An entry with the event work that it makes due; the chats that it announces are hints of its batch."""

    entry: Entry
    events: tuple[EventWork, ...] = ()


TOLD: Final = "!told "
"""Before a handler, in a `told_kind`."""


def told_kind(handler: HandlerId) -> str:
    """
    The kind of the lines that say which version of each thing a handler was told last.

    One without a key says that it was told what waited when it was new.
    """
    return f"{TOLD}{handler}"


BURIED: Final = " !buried "
"""In such a line, between a version and the entry whose delivery was given up with it."""


def told_version(line: str) -> str:
    """The version that such a line says, whether the handler was run on it or given up."""
    return line.partition(BURIED)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    A line of the server's lists that is not as it was.

    Attributes:
        kind: Which list, for example `relationship`; or a `told_kind`.
        key: Which line of it.
        state: What it says now; `None`: it is gone.
    """

    kind: str
    key: str
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    What one commit appends.

    Attributes:
        changes: Of the snapshot of the server's lists, told by `arrivals` of their own.
        hints: Chat work: what the entries announce, or what reconcile found; counts for replayed entries, too.
        checkpoint: Covers only entries that are in the journal once this batch is.
    """

    identity: UserId
    arrivals: tuple[Arrival, ...] = ()
    hints: tuple[ChatWork, ...] = ()
    changes: tuple[Change, ...] = ()
    checkpoint: Checkpoint | None = None


class DeliveryState(StrEnum):
    """Where a delivery is."""

    IDLE = "idle"
    """You are here when a chat has nothing that the handler has not been given."""
    DUE = "due"
    """You are here while there is work and nobody has claimed it; also while waiting for a retry."""
    RUNNING = "running"
    """You are here while claimed; a process that dies leaves you here until the next one recovers you."""


class DeliveryEvent(StrEnum):
    """What can happen to a delivery."""

    WANT = "want"
    CLAIM = "claim"
    FINISH = "finish"
    POSTPONE = "postpone"
    BURY = "bury"
    RECOVER = "recover"


DELIVERY_TRANSITIONS: Final[dict[tuple[DeliveryState, DeliveryEvent], frozenset[DeliveryState]]] = {
    (DeliveryState.IDLE, DeliveryEvent.WANT): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.DUE, DeliveryEvent.WANT): frozenset({DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.WANT): frozenset({DeliveryState.RUNNING}),
    (DeliveryState.DUE, DeliveryEvent.CLAIM): frozenset({DeliveryState.RUNNING}),
    (DeliveryState.RUNNING, DeliveryEvent.FINISH): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.POSTPONE): frozenset({DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.BURY): frozenset({DeliveryState.IDLE, DeliveryState.DUE}),
    (DeliveryState.RUNNING, DeliveryEvent.RECOVER): frozenset({DeliveryState.DUE}),
}
"""Where an event may lead. A pair that is missing is illegal: the engine refuses it (a lost claim)."""


class IntentState(StrEnum):
    """What is known about a send."""

    INTENDED = "intended"
    """You are here from before the request until its outcome is known: 'perhaps sent'."""
    SENT = "sent"
    """You are here when the backend has stored the message; its id and seq are known."""
    REFUSED = "refused"
    """You are here when the backend certainly did not store it."""
    UNKNOWN = "unknown"
    """You are here when nobody can tell; nothing is sent again until somebody can."""


class IntentEvent(StrEnum):
    """What can happen to an intent."""

    INTEND = "intend"
    RECORD = "record"
    REFUSE = "refuse"
    PARK = "park"


INTENT_TRANSITIONS: Final[dict[tuple[IntentState, IntentEvent], frozenset[IntentState]]] = {
    (IntentState.INTENDED, IntentEvent.INTEND): frozenset({IntentState.INTENDED}),
    (IntentState.INTENDED, IntentEvent.RECORD): frozenset({IntentState.SENT}),
    (IntentState.INTENDED, IntentEvent.REFUSE): frozenset({IntentState.REFUSED}),
    (IntentState.INTENDED, IntentEvent.PARK): frozenset({IntentState.UNKNOWN}),
    (IntentState.REFUSED, IntentEvent.INTEND): frozenset({IntentState.INTENDED}),
    (IntentState.UNKNOWN, IntentEvent.RECORD): frozenset({IntentState.SENT}),
    (IntentState.UNKNOWN, IntentEvent.REFUSE): frozenset({IntentState.REFUSED}),
}
"""Where an event may lead. What is sent stays sent: no event leads out of it, and the engine changes nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    A handler's n-th send of a turn.

    Attributes:
        handler: Whose words they are.
        is_unattended: Said in a turn that was shown no human's message; cleared when a human speaks.
        turn: Of the delivery; goes up whenever the delivery finishes or is buried.
        ordinal: From 0 within the turn.
        base_seq: Newest seq of the chat that was known when the intent was written; our message is above it.
        content_hash: SHA-256 over content, scope, addressees and mentions.
        intended_at: When the request was last about to go out.
    """

    delivery_id: DeliveryId
    turn: int
    ordinal: int
    identity: UserId
    chat_id: ChatId
    base_seq: MessageSeq
    content_hash: str
    state: IntentState
    message_id: MessageId | None = None
    message_seq: MessageSeq | None = None
    intended_at: float
    handler: HandlerId = HandlerId("")
    is_unattended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSends:
    """
    What this journal knows of the identity's own messages in a chat.

    Attributes:
        message_ids: Of those that it has sent.
        unplaced: Content hashes of sends whose message, if there is one, is not known, each with the lowest seq that
            it must be above. Also of refused ones: what was looked for in vain may have come late.
    """

    message_ids: frozenset[str]
    unplaced: Mapping[str, MessageSeq]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A number of a chat that was missing when a higher one was read: perhaps its message is yet to come (Q27)."""

    seq: MessageSeq
    noticed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """
    It was running when a process died.

    Attributes:
        deaths: How many it was the only suspect of.
        through_seq, message_ids: Chat work: what its handler was shown when it last ran as a suspect, if anything.
    """

    deaths: int
    through_seq: MessageSeq | None = None
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """
    What every claimed delivery has.

    Attributes:
        claim: Fencing token; every change names it.
        turn: Which one of the delivery's; each has its own intents.
        attempts: Spent so far.
        intents: Of this turn, by ordinal.
        suspicion: `None`: it is no suspect.
    """

    delivery_id: DeliveryId
    claim: int
    identity: UserId
    handler: HandlerId
    lane: Lane
    turn: int
    attempts: int
    due_at: float
    intents: tuple[Intent, ...] = ()
    suspicion: Suspicion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfMessages(_Claimed):
    """
    What a claimed delivery of a chat's messages has.

    Attributes:
        handled_seq: `None` until the handler's start in this chat is anchored.
        wanted_seq: Look at least so far.
        lane_is_anchored: Whether every handler of this lane has its start; if not, anchor before speaking.
        others_seq: So far at least each of the lane's other handlers has been given the chat or is to be; `None`:
            there is no other.
        holes: Numbers at or below `handled_seq` that are still looked for.
    """

    chat_id: ChatId
    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    lane_is_anchored: bool
    others_seq: MessageSeq | None = None
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDelivery(_OfMessages):
    """A living chat: whatever is above the handler's cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterDelivery(_OfMessages):
    """
    A dead letter's messages, due again: those above `handled_seq` up to `wanted_seq`, and no others.

    Attributes:
        living_seq: The cursor of its handler in the living chat.
    """

    living_seq: MessageSeq | None = None


class Fired(NamedTuple):
    """
    What the handler of a timer is given.

    Attributes:
        entry_id: Of the entry that it is.
    """

    entry_id: int
    name: str
    key: str
    due_at: float
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDelivery(_Claimed):
    """
    One entry, be it a dead letter's.

    Attributes:
        fired: The timer whose time has come; `None`: it is a frame.
    """

    chat_id: ChatId | None
    entry: Entry
    fired: Fired | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelivery(_OfMessages):
    """
    A question that is to be decided, or whose handler is to be told how it was; also a dead letter's.

    Attributes:
        handled_seq: Below the answer; without one, how far the chat was looked at.
        question: As it stood when this was claimed.
        is_revived: It was a dead letter.
    """

    question: Question
    is_revived: bool = False

    def decided(self, question: Question) -> AnswerDelivery:
        """The same, as the question stands."""
        closed_seq = question.closed_seq or MessageSeq(0)
        is_answered = question.state == "answered"
        return replace(
            self, question=question, handled_seq=MessageSeq(closed_seq - is_answered), wanted_seq=closed_seq
        )

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer to be shown."""
        return self.question.state == "answered"

    @property
    def asked_seq(self) -> MessageSeq | None:
        """Where the question stands: what was said since is to be shown; `None`: it stands nowhere."""
        return None if self.question.asked is None else self.question.asked.seq


UTTERANCE_KIND: Final = "utterance.made"
"""Kind of the entry that an utterance is."""

UtterancePolicy = Literal["wait", "drop"]
"""What becomes of it when somebody speaks before it does: it waits until that was shown, or is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """
    What a handler says first, as it is made.

    It is journalled like a message that has arrived: an entry with event work in the chat's lane, and its words until
    they are said.

    Attributes:
        handler: Whose words they are.
        delivery_id, turn, ordinal: In whose turn it was made, as the n-th in this chat: that is its identity.
        content: Not in the `repr`; `None` once it was said.
        known_seq: The newest number of the chat that was known when it was made, to whoever speaks or else to the
            journal; `None`: there was none.
        made_at: Epoch seconds.
    """

    identity: UserId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId
    delivery_id: DeliveryId
    turn: int
    ordinal: int
    content: str | None = field(repr=False)
    mentions: tuple[str, ...] = ()
    on_conflict: UtterancePolicy = "wait"
    known_seq: MessageSeq | None = None
    made_at: float


class SpokenState(StrEnum):
    """What became of an utterance."""

    WAITING = "waiting"
    """It is to be said."""
    SAID = "said"
    """It stands in the chat."""
    UNSAID = "unsaid"
    """It was not said, and will not be: somebody has spoken first, or its dead letter was dropped."""
    BURIED = "buried"
    """It is a dead letter."""


class Spoken(NamedTuple):
    """
    What became of an utterance.

    Attributes:
        seq: Of its message, if it was said; of what it followed, if the operator has said so.
        message_id: As far as it is known.
        reason: Of its dead letter.
    """

    state: SpokenState
    seq: MessageSeq | None = None
    message_id: str | None = None
    reason: str = ""


class ChatCursor(NamedTuple):
    """
    How far a handler is in a chat.

    Attributes:
        handled_seq: All up to here was given to it, or is covered by its letters; `None`: it has no start yet.
        wanted_seq: It will look so far.
        given_up_seq: Up to here the chat was given up unread, and a letter says so.
        holes: Numbers at or below `handled_seq` that are still looked for.
        start_seq: All up to here was there before it; `None`: nobody knows.
    """

    handled_seq: MessageSeq | None
    wanted_seq: MessageSeq
    given_up_seq: MessageSeq
    holes: tuple[Hole, ...] = ()
    start_seq: MessageSeq | None = None

    @property
    def shown_seq(self) -> MessageSeq:
        """What is above was neither shown to it nor buried."""
        return MessageSeq(max(self.handled_seq or 0, self.given_up_seq))

    @property
    def read_after(self) -> int:
        """From where the chat is read for it."""
        return min([self.shown_seq, *(hole.seq - 1 for hole in self.holes)])

    def covers(self, seq: int) -> bool:
        """Whether the message of this number was shown to it, or buried."""
        return seq <= self.shown_seq and all(hole.seq != seq for hole in self.holes)


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDelivery(_Claimed):
    """
    What is to be said first, be it a dead letter's.

    Attributes:
        entry: That it is.
        holes: None: it has no cursor.
    """

    chat_id: ChatId
    entry: Entry
    entry_id: EntryId
    utterance: Utterance
    holes: tuple[Hole, ...] = ()


MessageDelivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery
"""What a handler is shown messages in, and answers."""

SpokenDelivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery | UtteranceDelivery
"""What is spoken in."""

Delivery: TypeAlias = ChatDelivery | LetterDelivery | AnswerDelivery | EventDelivery | UtteranceDelivery
"""A claimed delivery, with everything that its attempt needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """
    What the end of a turn does to a handler's cursor in a chat; of an event it does nothing.

    Attributes:
        handled_seq: Everything up to here was given to the handler, or is covered by its letter; `None`: the cursor
            stays, be it that the chat was not read.
        wanted_seq: Look again at least so far.
        holes: Numbers still missing.
        hole_at: When to look for them, if nothing else is due earlier; epoch seconds, `None` without holes.
    """

    handled_seq: MessageSeq | None = None
    wanted_seq: MessageSeq | None = None
    holes: tuple[Hole, ...] = ()
    hole_at: float | None = None


STAY: Final = CursorMove()
"""Nothing moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    Why a turn is given up.

    Attributes:
        reason: One line, without message text.
        trace: Where it was raised: files, lines and functions, without values.
        message_ids: Chat work: what the handler had been given.
        late: Chat work: numbers at or below the cursor that the letter covers as well.
    """

    reason: str
    trace: str = ""
    message_ids: tuple[str, ...] = ()
    late: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    Work that was given up.

    Attributes:
        message_ids, reason, trace: As in `Letter`.
        frame: Event work: the frame as received; metadata only.
        after_seq, through_seq: Chat work: the span of the chat that was not handled; without a beginning: the handler
            had no start yet; without an end: nobody knows how far it goes, and it will be looked at again.
    """

    dead_letter_id: int
    identity: UserId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None
    after_seq: MessageSeq | None
    through_seq: MessageSeq | None
    attempts: int
    reason: str
    trace: str
    buried_at: float
    message_ids: tuple[str, ...] = ()
    frame: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattended:
    """
    What was said without a human in view since one last spoke.

    Attributes:
        turns: Other turns than the present one, in the chat.
        chat_sends: Sends within the window, in the chat.
        plugin_sends: Sends within the window, of the plugin, in all chats.
    """

    turns: int
    chat_sends: int
    plugin_sends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A chat in which nothing is said until a human speaks there or the operator says so."""

    chat_id: ChatId
    reason: str
    held_at: float


class Suspect(NamedTuple):
    """A delivery that was running when a process died, and how many deaths it was the only suspect of."""

    handler: HandlerId
    lane: Lane
    deaths: int


class Mark(NamedTuple):
    """What tells a replay from a re-used number (Q47); `ts` is unknown for HTTP items."""

    fingerprint: str
    ts: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """
    Work that is due or running.

    Attributes:
        since: Epoch seconds when it became due; later attempts do not change it.
        due_at: Epoch seconds of its next attempt.
        attempts: Spent so far.
    """

    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None
    attempts: int
    since: float
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatistics:
    """A snapshot. Counts of rows, `entries` of all identities together; `oldest_due_at` in epoch seconds."""

    entries: int
    due: int
    running: int
    suspects: int
    oldest_due_at: float | None
    intents_unsettled: int
    intents_unknown: int
    dead_letters: int


class WaitingUtterance(NamedTuple):
    """One that is due or running; `made_at` in epoch seconds, `attempts` spent so far."""

    handler: HandlerId
    chat_id: ChatId
    made_at: float
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """
    What an operator is shown of one identity's journal.

    Attributes:
        utterances: The oldest that wait.
        questions: `None` while none is open.
    """

    statistics: JournalStatistics
    oldest: Waiting | None
    holds: tuple[Hold, ...]
    utterances: tuple[WaitingUtterance, ...] = ()
    questions: OpenQuestions | None = None
