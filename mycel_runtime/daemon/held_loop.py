"""Which handler has last kept the event loop from everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel
from typing_extensions import override

from mycel_runtime.observe.facts import LoopFreed, LoopHeld
from mycel_runtime.observe.observer import Choosy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mycel_runtime.observe.facts import Fact


class HeldLoopReport(BaseModel, frozen=True, defer_build=True):
    """
    An `async def` handler of this agent that has kept the event loop from all agents of the process; the last one.

    Attributes:
        seconds: For which nothing else had its turn.
        at: When that was told, epoch seconds.
        times: How often that has happened since the start, with any handler of the agent.
    """

    handler: str
    seconds: float
    at: float
    times: int


class HeldLoop(Choosy):
    """
    As the facts have it; told by any thread.

    Args:
        clock: Epoch seconds.

    Attributes:
        report: `None`: no handler of the agent ever has.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times = 0
        self.report: HeldLoopReport | None = None

    @property
    @override
    def kinds(self) -> Collection[type[Fact]]:
        return (LoopHeld, LoopFreed)

    @override
    def tell(self, fact: Fact) -> None:
        if isinstance(fact, LoopHeld):
            self._times += 1
        if isinstance(fact, LoopHeld | LoopFreed):
            self.report = HeldLoopReport(
                handler=fact.handler, seconds=fact.seconds, at=self._clock(), times=self._times
            )
