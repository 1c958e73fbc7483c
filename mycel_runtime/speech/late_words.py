"""
What a handler with `on_conflict = "repeat"` has said too late. Pure.

Its next run is shown it. There it stands, and is said as it was when that run is over, unless that run says anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class LateWords:
    """One turn's, by the ordinals of its replies."""

    __slots__ = ("_standing", "_unsaid")

    def __init__(self) -> None:
        self._unsaid: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._standing: dict[int, tuple[str, tuple[str, ...]]] = {}

    @property
    def standing(self) -> Iterable[tuple[int, tuple[str, tuple[str, ...]]]]:
        """What of the run before is still to be said: ordinal, text and mentions, in that order."""
        return self._standing.items()

    @property
    def contents(self) -> tuple[str, ...]:
        """The texts of what stands."""
        return tuple(content for content, _ in self._standing.values())

    def begin_run(self) -> None:
        """What the run before said too late stands; if it said nothing, what stood in it."""
        if self._unsaid:
            self._standing = dict(sorted(self._unsaid.items()))
            self._unsaid = {}

    def withdraw(self) -> None:
        """Nothing stands any more."""
        if self._standing:
            self._standing = {}

    def forget(self) -> None:
        """Nothing of it is ever said."""
        self._standing, self._unsaid = {}, {}

    def add(self, ordinal: int, content: str, mentions: Sequence[str]) -> None:
        """The present run has said this too late."""
        self._unsaid[ordinal] = content, tuple(mentions)

    def remove(self, ordinal: int) -> None:
        """This reply of the present run was said after all."""
        self._unsaid.pop(ordinal, None)
