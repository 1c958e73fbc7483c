"""What an operator is shown of a journal, as values. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.questions import OpenQuestions
    from mycel_runtime.wire.ids import ChatId


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
    """
    A snapshot. Counts of rows; `oldest_due_at` in epoch seconds.

    Attributes:
        entries: So many there have been, of all identities together.
        letters_expired: Dead letters that were dropped because of their age, ever.
    """

    entries: int
    due: int
    running: int
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
        utterances: The oldest that wait.
        questions: `None` while none is open.
    """

    statistics: JournalStatistics
    oldest: Waiting | None
    holds: tuple[Hold, ...]
    utterances: tuple[WaitingUtterance, ...] = ()
    questions: OpenQuestions | None = None
