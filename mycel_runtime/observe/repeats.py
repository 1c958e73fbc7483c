"""
What is told again and again: one line a second tells as much as a thousand. Pure.

A line stands for itself, and for as many more, `repeated`, as had none since the last one. The first is told at once;
of what follows within a second, the last one when the second is over. None is lost: the lines and what they say of
repetitions add up to what happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable

INTERVAL_SECONDS: Final = 1.0

MOST_KINDS: Final = 256
"""That are remembered; what comes beyond them has a line each."""


@dataclass(slots=True)
class _Kind:
    told_at: float
    last: Any = None
    left_out: int = 0

    def leave_out(self, what: Any) -> None:
        self.last, self.left_out = what, self.left_out + 1

    def tell(self, now: float) -> tuple[Any, int]:
        """The last one, and how many more were left out."""
        told = self.last, self.left_out - 1
        self.told_at, self.last, self.left_out = now, None, 0
        return told

    def is_over(self, now: float) -> bool:
        return now - self.told_at >= INTERVAL_SECONDS


class Repeats:
    """Which of many alike have a line."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, _Kind] = {}

    def admit(self, key: Hashable, what: Any, now: float) -> int | None:
        """
        Whether to tell of it.

        Args:
            key: Alike is what has the same one.
            what: Happened; handed back by `due` if it is left out and nothing alike follows.
            now: Seconds that never run backwards.

        Returns:
            How often it was left out since it was last told of; `None`: leave it out.
        """
        kind = self._kinds.get(key)
        if kind is not None and not kind.is_over(now):
            kind.leave_out(what)
            return None
        if kind is None and not self._has_room(now):
            return 0
        self._kinds[key] = _Kind(now)
        return 0 if kind is None else kind.left_out

    def due(self, now: float) -> list[tuple[Any, int]]:
        """What was left out, and is to be told because its second is over; with how many more were left out."""
        return [kind.tell(now) for kind in self._kinds.values() if kind.left_out and kind.is_over(now)]

    def next_due(self) -> float | None:
        """When `due` has something next; `None`: nothing is left out."""
        return min(
            (kind.told_at + INTERVAL_SECONDS for kind in self._kinds.values() if kind.left_out), default=None
        )

    def _has_room(self, now: float) -> bool:
        if len(self._kinds) >= MOST_KINDS:
            self._kinds = {
                key: kind for key, kind in self._kinds.items() if kind.left_out or not kind.is_over(now)
            }
        return len(self._kinds) < MOST_KINDS
