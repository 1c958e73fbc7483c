"""Who hears of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.observe.facts import Fact


class Observer(Protocol):
    """Told of every fact, on the thread where it happened; must be quick and must not raise."""

    def tell(self, fact: Fact) -> None:
        """Take notice of a fact."""


class FanOut(Observer):
    """
    Tells several observers, in order. What one raises reaches neither the others nor who tells.

    Attributes:
        failed: How often an observer raised.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.failed = 0

    @override
    def tell(self, fact: Fact) -> None:
        for observer in self._observers:
            try:
                observer.tell(fact)
            except Exception:  # noqa: BLE001 - whatever it is, what happened has happened
                self.failed += 1


class Silent(Observer):
    """Nobody listens."""

    @override
    def tell(self, fact: Fact) -> None:
        """Let it pass."""
