"""A journal's way from one engine to another, as a value, and how whoever opens the one it has left is told."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from mycel_runtime.errors import JournalMovedError

KEPT: Final = "moved:"
"""What the name begins with in which rows stand that are on their way, or were left behind: as it nobody works."""


class Move(NamedTuple):
    """
    One move, as both sides have it written down.

    Attributes:
        move_id: Drawn for it.
        source, target: For a person: where the journal was, and where it is to be.
        moved_at: Epoch seconds.
    """

    move_id: str
    source: str
    target: str
    moved_at: float

    @property
    def kept_as(self) -> str:
        """What stands before the identity in that name."""
        return f"{KEPT}{self.move_id}:"

    def gone(self, where: str) -> JournalMovedError:
        """For who opens the source."""
        return JournalMovedError(
            f"its journal was moved to {self.target} on {self._day}",
            where=where,
            fix="Let the agent's file name that in [engine]; or bring it back: mycel-runtime engine move",
        )

    def coming(self, where: str) -> JournalMovedError:
        """For who opens the target too early."""
        return JournalMovedError(
            f"its journal is on its way here from {self.source}, since {self._day}",
            where=where,
            fix="Wait; or, if that was interrupted, run the same mycel-runtime engine move again.",
        )

    @property
    def _day(self) -> str:
        return dt.datetime.fromtimestamp(self.moved_at, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
