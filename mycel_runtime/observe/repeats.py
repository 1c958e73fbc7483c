"""A fact that is told again and again: one line a second tells as much as a thousand. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime.observe.facts import Fact

INTERVAL_SECONDS: Final = 1.0

_MOST_KINDS: Final = 256
"""That are remembered; then all are forgotten, and each has its line again."""


class Repeats:
    """Which facts are worth a line: those that differ in anything from what was told within a second."""

    def __init__(self) -> None:
        self._told_at: dict[Fact, float] = {}
        self._left_out: dict[Fact, int] = {}

    def admit(self, fact: Fact, now: float) -> int | None:
        """
        Whether to tell of it.

        Args:
            fact: Happened.
            now: Seconds that never run backwards.

        Returns:
            How often it was left out since it was last told of; `None`: leave it out.
        """
        told_at = self._told_at.get(fact)
        if told_at is not None and now - told_at < INTERVAL_SECONDS:
            self._left_out[fact] = self._left_out.get(fact, 0) + 1
            return None
        if len(self._told_at) >= _MOST_KINDS:
            self._told_at.clear()
            self._left_out.clear()
        self._told_at[fact] = now
        return self._left_out.pop(fact, 0)
