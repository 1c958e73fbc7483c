"""Whether another program keeps the daemon from writing its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.daemon.lasting import Lasting
from mycel_runtime.observe.facts import JournalLocked, JournalUnlocked

if TYPE_CHECKING:
    from collections.abc import Callable


class JournalLock(Lasting):
    """
    The journal's write lock, while somebody else has it.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(JournalLocked, JournalUnlocked, clock)

    def problems(self, now: float) -> tuple[str, ...]:
        """What to tell the operator; nothing while the lock is ours to take."""
        if (seconds := self.seconds(now)) is None:
            return ()
        return (f"another program holds the journal's write lock since {seconds:.0f} s: nothing can be kept",)
