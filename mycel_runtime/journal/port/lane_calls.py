"""Who of several processes drains which lane, as an engine for several tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.journal.ids import Lane


class LaneCalls(Protocol):
    """
    Of one identity, in one of the processes that run its handlers.

    What it says is a hint, and no more: a lane may be called twice, or late, and claims decide. What is sure: as long
    as one process listens to it, each lane of which something can be claimed is called within seconds, whoever dies.
    """

    async def run(self, drain: Callable[[Lane], Awaitable[None]]) -> None:
        """
        Have `drain` called for lanes of which something is due, as many side by side as this process takes.

        A store that is away is waited for.

        Args:
            drain: Returns when nothing of the lane is due any more. It is never cancelled but with `run`.

        Cancelling: nothing more is called. What was called goes on elsewhere if `drain` has not returned.
        """
