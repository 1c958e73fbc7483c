"""
How long the journal keeps what nobody needs any more, as values. Pure.

A *sweep* goes once through everything that is old, in steps of a few rows. Each step says where the next one goes on.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Self

from mycel_runtime.lazy_dataclass import dataclass

_LONGEST_KEEP_SECONDS: Final = 366 * 86_400.0
"""From which a file that is too large is brought down if everything is to be kept for ever."""

_ROOMY: Final = 0.75
"""Of the size that is allowed: below it, more may be kept again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """
    What the owner wants kept.

    Attributes:
        keep: Seconds; `math.inf`: for ever.
        keep_letters: Seconds, of dead letters; likewise.
        max_bytes: Of what is used of the file; above it less is kept than `keep` says. `None`: no bound.
        shortest_keep: Seconds; less is never kept, however large the file.
        kept_numbers: How many of the newest numbered entries of an epoch stay, however old.
    """

    keep: float = math.inf
    keep_letters: float = math.inf
    max_bytes: int | None = None
    shortest_keep: float = 86_400.0
    kept_numbers: int = 1024


class Place(NamedTuple):
    """
    How far a sweep has come.

    Attributes:
        table: A number of the tables that a sweep goes through, in their order.
        after: The last row that was looked at; empty: none.
    """

    table: int = 0
    after: tuple[float, ...] = ()


START: Final = Place()


class Age(NamedTuple):
    """What is older than these, in seconds, may go; `math.inf`: nothing."""

    rows: float
    letters: float


class Swept(NamedTuple):
    """
    What was removed: rows.

    Attributes:
        captured: The newest captured run of the turns among them; empty: none.
        freed: Bytes given back to the file system.
    """

    entries: int = 0
    sends: int = 0
    utterances: int = 0
    questions: int = 0
    turns: int = 0
    letters: int = 0
    captured: str = ""
    freed: int = 0

    def plus(self, other: Swept) -> Swept:
        """Both; `other` came later."""
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("entries", "sends", "utterances", "questions", "turns", "letters", "freed")
        }
        return Swept(**counts, captured=other.captured or self.captured)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.entries + self.sends + self.utterances + self.questions + self.turns + self.letters


class SweepStep(NamedTuple):
    """
    What a step came to.

    Attributes:
        place: Where the next one goes on; `None`: the sweep is over.
        used_bytes: Of the file, without what is free in it.
        seconds: For which it kept the writer.
    """

    swept: Swept
    place: Place | None
    used_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Keep:
    """
    How long is kept at present: as the owner wants it, or less while the file is too large.

    Attributes:
        seconds: `math.inf`: for ever.
        is_pressed: Even with the shortest time the file is larger than it may be.
    """

    seconds: float
    is_pressed: bool = False

    @classmethod
    def wanted(cls, retention: Retention) -> Self:
        """As the owner wants it."""
        return cls(retention.keep)

    def after_sweep(self, retention: Retention, used_bytes: int) -> Keep:
        """
        For the next sweep, by what the last one has left: half as long while that is too much.

        Args:
            retention: The owner's.
            used_bytes: As of `SweepStep`.
        """
        if retention.max_bytes is None:
            return self
        if used_bytes > retention.max_bytes:
            seconds = max(retention.shortest_keep, min(self.seconds, _LONGEST_KEEP_SECONDS) / 2)
            return Keep(seconds, is_pressed=self.seconds <= retention.shortest_keep)
        if used_bytes < _ROOMY * retention.max_bytes:
            longer = self.seconds * 2
            return Keep(retention.keep if longer > _LONGEST_KEEP_SECONDS else min(retention.keep, longer))
        return Keep(self.seconds)

    def age(self, retention: Retention) -> Age:
        """What may go, of what the owner wants kept."""
        return Age(self.seconds, retention.keep_letters)
