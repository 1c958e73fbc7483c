"""What is removed from the journal for its age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSwept(Fact):
    """
    What was older than `[journal] keep`, and nobody needs, was removed: rows.

    Attributes:
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
    """So many dead letters were older than `[journal] keep_dead_letters`, and are gone."""

    name: ClassVar[str] = "dead_letters.expired"
    level: ClassVar[Level] = "warning"
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOversized(Fact):
    """
    The journal is larger than `[journal] max_size`, and nothing more may be removed; told once, until it is smaller.

    Attributes:
        size, max_size: Bytes.
    """

    name: ClassVar[str] = "journal.oversized"
    level: ClassVar[Level] = "warning"
    size: int
    max_size: int
    fix: str = "Look for dead letters and open work in mycel-runtime status, or raise max_size."


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFailed(Fact):
    """What is old could not be removed from the journal; it is tried again."""

    name: ClassVar[str] = "sweep.failed"
    level: ClassVar[Level] = "warning"
    reason: str
