"""What lasts from one fact until another, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mycel_runtime.observe.facts import Fact


class Lasting(Choosy):
    """
    A state of the agent that facts tell of.

    Args:
        begins: The kind of fact with which it begins, anew each time.
        ends: With which it is over.
        clock: Epoch seconds.
    """

    def __init__(self, begins: type[Fact], ends: type[Fact], clock: Callable[[], float]) -> None:
        self._begins = begins
        self._ends = ends
        self._clock = clock
        self._since: float | None = None

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (self._begins, self._ends)

    @override
    def tell(self, fact: Fact) -> None:
        if isinstance(fact, self._begins):
            self._since = self._clock()
        elif isinstance(fact, self._ends):
            self._since = None

    def seconds(self, now: float) -> float | None:
        """Since it began; `None` while it is not so."""
        return None if self._since is None else max(0.0, now - self._since)
