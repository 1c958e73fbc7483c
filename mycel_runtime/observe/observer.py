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
    """Tells several observers, in order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    @override
    def tell(self, fact: Fact) -> None:
        for observer in self._observers:
            observer.tell(fact)


class Silent(Observer):
    """Nobody listens."""

    @override
    def tell(self, fact: Fact) -> None:
        """Let it pass."""
