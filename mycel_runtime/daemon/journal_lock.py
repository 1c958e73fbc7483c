"""Whether another program keeps the daemon from writing its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.observe.facts import JournalLocked, JournalUnlocked
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mycel_runtime.observe.facts import Fact


class JournalLock(Choosy):
    """
    The journal's write lock, while somebody else has it.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (JournalLocked, JournalUnlocked)

    @override
    def tell(self, fact: Fact) -> None:
        match fact:
            case JournalLocked():
                self._since = self._clock()
            case JournalUnlocked():
                self._since = None
            case _:
                pass

    def problems(self, now: float) -> tuple[str, ...]:
        """What to tell the operator; nothing while the lock is ours to take."""
        if self._since is None:
            return ()
        seconds = max(0.0, now - self._since)
        return (f"another program holds the journal's write lock since {seconds:.0f} s: nothing can be kept",)
