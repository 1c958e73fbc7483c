"""
What a plugin remembers and plans, as values.

An *item* is a value of a plugin's store, a *timer* is what is to happen at a time, a *firing* is a timer whose time
has come. `Changes` is what the end of a delivery makes of them, in the same commit. Times are epoch seconds of the
wall clock; values and data are JSON texts that nobody reads here.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.hole import Hole
    from mycel_runtime.journal.utterance import Utterance
    from mycel_runtime.journal.work import EventWork
    from mycel_runtime.wire.ids import ChatId, MessageSeq, UserId

TIMER_KIND: Final = "timer.fired"
"""Kind of the entry that a firing is."""


class Item(NamedTuple):
    """
    A value of a plugin's store.

    Attributes:
        value: JSON.
        version: No two values of a key ever have the same one, and none has 0.
    """

    value: str
    version: int


class StoreSize(NamedTuple):
    """
    A store that holds something.

    Attributes:
        chat_id: Empty: of the plugin as a whole.
        size: Characters of keys and values.
    """

    plugin: str
    chat_id: str
    items: int
    size: int


class StoredItem(NamedTuple):
    """An item with its place; `chat_id` as in `StoreSize`."""

    plugin: str
    chat_id: str
    key: str
    value: str


class ItemChange(NamedTuple):
    """
    A value that is new, or is to be there no more.

    Attributes:
        chat_id: `None`: of the plugin as a whole.
        value: `None`: the key is deleted.
        made_from: Version of the value that it was made from, 0 if there was none; if that is not what is there, the
            change is outdated. `None`: it was made from nothing, and stands whatever is there.
    """

    chat_id: ChatId | None
    key: str
    value: str | None
    made_from: int | None


class TimerKey(NamedTuple):
    """What tells the timers of a plugin apart."""

    name: str
    key: str


class NewTimer(NamedTuple):
    """
    A timer to be set, in the place of the one with this name and key.

    Attributes:
        is_relative: It waits for a span of time: if the clock is set back, it does not wait longer for that.
    """

    name: str
    key: str
    due_at: float
    data: str
    is_relative: bool


class ReadCursor(NamedTuple):
    """
    How far a plugin has read a chat.

    Attributes:
        read_seq: Whatever is not its handlers' of messages, up to here, was shown to it.
        holes: Numbers at or below that are still looked for.
        version: As of an `Item`.
    """

    read_seq: MessageSeq
    holes: tuple[Hole, ...]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMove:
    """
    Of a `ReadCursor`.

    Attributes:
        made_from: Version of the cursor from which the chat was read, 0 if there was none; if that is not what is
            there, the move is outdated.
    """

    chat_id: ChatId
    read_seq: MessageSeq
    holes: tuple[Hole, ...] = ()
    made_from: int


class ToldVersion(NamedTuple):
    """A line of the snapshot: that a handler was told of this version of something; the kind is a `told_kind`."""

    kind: str
    key: str
    state: str


class Changes(NamedTuple):
    """
    What the end of a delivery makes of its plugin's state. What is cancelled is so before anything is set.

    Attributes:
        told: What its handler has been told of.
        cancelled: Also those that have fired and whose delivery has not said anything and does not run.
        reads: Of chats.
        utterances: What a hook says first; what a delivery says first is made at once, by `Journal.utter`.
    """

    items: tuple[ItemChange, ...] = ()
    timers: tuple[NewTimer, ...] = ()
    cancelled: tuple[TimerKey, ...] = ()
    told: tuple[ToldVersion, ...] = ()
    reads: tuple[ReadMove, ...] = ()
    utterances: tuple[Utterance, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self)

    @property
    def may_be_outdated(self) -> bool:
        """Whether any of them was made from what another run may change."""
        return bool(self.items or self.reads)


UNCHANGED: Final = Changes()
"""Nothing is remembered or planned."""


class EndOutcome(Enum):
    """What became of the wish to end a turn."""

    DONE = "done"
    """It has ended, and its changes are made."""
    LOST = "lost"
    """The claim was lost, and nothing changed."""
    OUTDATED = "outdated"
    """A change was made from a value that is there no more: nothing changed, and the delivery still runs."""


class TurnEnd(NamedTuple):
    """
    What became of the end of a turn.

    Attributes:
        versions: Of `Changes.items`, in their order; 0 of a key that was deleted.
    """

    outcome: EndOutcome
    versions: tuple[int, ...] = ()


class Timer(NamedTuple):
    """A timer as it stands."""

    identity: UserId
    plugin: str
    name: str
    key: str
    due_at: float
    is_relative: bool
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """
    What becomes of a timer whose time has come: it is there no more, in one commit with what comes instead.

    Attributes:
        work: Is due; `None`: the time is let pass.
        following: Is set.
        is_one_enough: If its handler has work of this lane that waits already, there is no more for that.
        question_id: Of the question whose answer is waited for no longer.
    """

    timer: Timer
    work: EventWork | None
    following: NewTimer | None = None
    is_one_enough: bool = False
    question_id: int | None = None
