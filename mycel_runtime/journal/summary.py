"""What an operator is shown of a journal, as values. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.ids import DeliveryId, HandlerId, Lane
    from mycel_runtime.journal.questions import OpenQuestions
    from mycel_runtime.wire.ids import ChatId


COUNT_LIMIT: Final = 10_000
"""Further nobody counts what waits: one look would cost as much as the backlog is long."""

LANES_LIMIT: Final = 1_000

LONGEST_WAITING: Final = 10
"""Deliveries that are named."""

NEXT_TIMERS: Final = 50
"""Timers that are named."""


class NextTimer(NamedTuple):
    """A timer that is set; `due_at` in epoch seconds."""

    plugin: str
    name: str
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """
    Work that is due or running.

    Attributes:
        state: `due` or `running`.
        since: Epoch seconds when it became due; later attempts do not change it.
        due_at: Epoch seconds of its next attempt.
        attempts: Spent so far.
        last_error: Why the last attempt was in vain, and where; `None`: none was yet.
    """

    delivery_id: DeliveryId
    handler: HandlerId
    lane: Lane
    chat_id: ChatId | None
    state: str
    attempts: int
    since: float
    due_at: float
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatistics:
    """
    A snapshot. Counts of rows; `oldest_due_at` in epoch seconds.

    Attributes:
        entries: So many there have been, of all identities together.
        due, dead_letters: Counted up to `COUNT_LIMIT`: so many means so many or more.
        lanes: In which something is due, of the `LANES_LIMIT` deliveries that are due first.
        letters_expired: Dead letters that were dropped because of their age, ever.
    """

    entries: int
    due: int
    running: int
    lanes: int
    suspects: int
    oldest_due_at: float | None
    intents_unsettled: int
    intents_unknown: int
    dead_letters: int
    letters_expired: int = 0


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
        longest: What has waited longest, first; `LONGEST_WAITING` at most.
        utterances: The oldest that wait.
        timers: The next ones, `NEXT_TIMERS` at most.
        questions: `None` while none is open.
    """

    statistics: JournalStatistics
    longest: tuple[Waiting, ...]
    holds: tuple[Hold, ...]
    utterances: tuple[WaitingUtterance, ...] = ()
    timers: tuple[NextTimer, ...] = ()
    questions: OpenQuestions | None = None
