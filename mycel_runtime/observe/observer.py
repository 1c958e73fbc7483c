"""Who hears of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mycel_runtime.observe.facts import Fact


class Observer(Protocol):
    """Told of every fact, on the thread where it happened; must be quick and must not raise."""

    def tell(self, fact: Fact) -> None:
        """Take notice of a fact."""


class Choosy(Observer, Protocol):
    """An observer to whom only some facts say anything; who tells it of others loses a moment."""

    @property
    def kinds(self) -> Collection[type[Fact]]:
        """Of the facts that it takes notice of, always the same."""


class FanOut(Observer):
    """
    Tells several observers, in order. What one raises reaches neither the others nor who tells.

    Args:
        observers: Told of everything.
        choosy: And these, after them, of what they take notice of.

    Attributes:
        failed: How often an observer raised.
    """

    def __init__(self, observers: Sequence[Observer], choosy: Sequence[Choosy] = ()) -> None:
        self._observers = tuple(observers)
        self._choosy = tuple(choosy)
        self._told_of: dict[type[Fact], tuple[Observer, ...]] = {}
        self.failed = 0

    @override
    def tell(self, fact: Fact) -> None:
        kind = type(fact)
        if (told := self._told_of.get(kind)) is None:
            # Where nobody is, the sum is the same tuple: most kinds have no other one.
            interested = tuple(each for each in self._choosy if kind in each.kinds)
            told = self._told_of[kind] = self._observers + interested
        for observer in told:
            try:
                observer.tell(fact)
            except Exception:  # noqa: BLE001 - whatever it is, what happened has happened
                self.failed += 1


class Silent(Observer):
    """Nobody listens."""

    @override
    def tell(self, fact: Fact) -> None:
        """Let it pass."""
