"""What is removed from the journal for its age."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSwept(Fact):
    """
    What was older than `[journal] keep`, and nobody needs, was removed: rows.

    Attributes:
        entries: Frames, and changes that looks have found.
        sends: Settled ones.
        utterances: Said, or dropped.
        questions: With an outcome that was handled.
        turns: Of the turn log.
        freed: Bytes given back to the file system.
    """

    name: ClassVar[str] = "journal.swept"
    level: ClassVar[Level] = "debug"
    entries: int
    sends: int
    utterances: int
    questions: int
    turns: int
    freed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersExpired(Fact):
    """
    So many dead letters were older than `[journal] keep_dead_letters`, and are gone.

    Attributes:
        letters: How many.
    """

    name: ClassVar[str] = "dead_letters.expired"
    level: ClassVar[Level] = "warning"
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOversized(Fact):
    """
    The journal is larger than `[journal] max_size`, and nothing more may be removed; told once, until it is smaller.

    Attributes:
        size, max_size: Bytes.
        fix: What to do.
    """

    name: ClassVar[str] = "journal.oversized"
    level: ClassVar[Level] = "warning"
    size: int
    max_size: int
    fix: str = "Look for dead letters and open work in mycel-runtime status, or raise max_size."


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFailed(Fact):
    """
    What is old could not be removed from the journal; it is tried again.

    Attributes:
        reason: In our own words, or SQLite's.
    """

    name: ClassVar[str] = "sweep.failed"
    level: ClassVar[Level] = "warning"
    reason: str
