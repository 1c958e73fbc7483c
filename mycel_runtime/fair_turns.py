"""
Whose turn comes next, where several agents of a process want the same: calls of one backend, runs of handlers.

Each costs time of the loop that all agents share, and a call also the backend's. Were all of them let go at once, the
one of an agent that is spoken to now and then would stand behind the eighty of ten agents that are never out of work.
So a few are under way at a time, and the next one is that of whoever has had fewest of late.

What is not over after a while holds nobody up any longer: it waits, for a network, a slow backend or whatever a
handler asks, and costs nothing meanwhile. However slow all are, 1,600 a second begin, more than a busy loop can do.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import weakref
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 16
"""
Under way. Source: measured, five busy agents of twenty: as many answers by the processor second as without turns;
with eight a fifth less, because less goes into a commit or a turn of the loop together, and the others gain little.
"""

RUNS: Final = "runs"
"""Of handlers."""

SLOW_SECONDS: Final = 0.01
"""After which what is under way holds up nobody any longer."""

HALF_LIFE_SECONDS: Final = 3.0
"""Until a turn counts half as much of what an agent has had."""


class Share:
    """
    What one agent has had of late, and what of it waits.

    Attributes:
        level: Logarithm of its turns, each of which counts the less the longer ago it was; comparable with that of
            others, however much later it is asked for.
        waiting: Who waits for one, longest first.
    """

    __slots__ = ("__weakref__", "level", "waiting")

    def __init__(self) -> None:
        self.level = -math.inf
        # No deque: each is three quarters of a KiB, be it empty, and there are two of an agent.
        self.waiting: list[asyncio.Future[Turn]] = []

    def charge(self, now: float) -> None:
        """One more turn."""
        age = now / HALF_LIFE_SECONDS
        self.level = math.log2(1.0 + 2.0 ** (self.level - age)) + age

    def next_waiting(self) -> asyncio.Future[Turn] | None:
        """Who has waited longest, taken out; `None`: whoever waited was cancelled."""
        while self.waiting:
            if not (waiting := self.waiting.pop(0)).done():
                return waiting
        return None


@dataclass(eq=False, slots=True)
class Turn:
    """
    What is under way.

    Attributes:
        began_at: By the loop's clock.
    """

    began_at: float


class FairTurns:
    """
    Of one loop, at one thing that is scarce.

    Args:
        clock: Seconds that never run backwards; by default the loop's.
    """

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._shares: set[weakref.ref[Share]] = set()
        self._numbers = itertools.count()
        self._queue: list[tuple[float, int, Share]] = []
        """A heap of shares that have something waiting."""
        self._under_way: dict[Turn, None] = {}
        """Those that hold others up, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None

    @override
    def __repr__(self) -> str:
        return f"<FairTurns of {len(self._shares)}, {len(self._under_way)} under way, {len(self._queue)} waiting>"

    @property
    def is_shared(self) -> bool:
        """Whether there is anybody to whom the others would be unfair."""
        return len(self._shares) > 1

    def join(self) -> Share:
        """One more agent, until its share is forgotten."""
        share = Share()
        self._shares.add(weakref.ref(share, self._shares.discard))
        return share

    async def take(self, share: Share) -> Turn:
        """
        Wait for the turn of an agent.

        Returns:
            What is to be given back when it has ended.

        Cancelling: there was none, and nothing is to be given back.
        """
        if not self._queue and len(self._under_way) < AT_ONCE:
            return self._begin(share)
        waiting: asyncio.Future[Turn] = self._loop.create_future()
        share.waiting.append(waiting)
        if len(share.waiting) == 1:
            self._enqueue(share)
        if self._timer is None:
            self._watch_slow()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.give_back(waiting.result())
            raise

    def give_back(self, turn: Turn) -> None:
        """It is over, however it has ended."""
        self._under_way.pop(turn, None)
        self._let_go()

    def _begin(self, share: Share) -> Turn:
        turn = Turn(self._clock())
        self._under_way[turn] = None
        share.charge(turn.began_at)
        return turn

    def _enqueue(self, share: Share) -> None:
        heapq.heappush(self._queue, (share.level, next(self._numbers), share))

    def _let_go(self) -> None:
        """Those whose turn it is now."""
        while self._queue and len(self._under_way) < AT_ONCE:
            _, _, share = heapq.heappop(self._queue)
            if (waiting := share.next_waiting()) is not None:
                waiting.set_result(self._begin(share))
            if share.waiting:
                self._enqueue(share)
        if self._queue and self._timer is None:
            self._watch_slow()

    def _watch_slow(self) -> None:
        """Somebody waits, so that something is under way."""
        oldest = next(iter(self._under_way))
        slow_at = oldest.began_at + SLOW_SECONDS
        self._timer = self._loop.call_later(max(0.0, slow_at - self._clock()), self._pass_slow)

    def _pass_slow(self) -> None:
        self._timer, slow_since = None, self._clock() - SLOW_SECONDS
        for turn in tuple(self._under_way):
            if turn.began_at <= slow_since:
                del self._under_way[turn]
        self._let_go()


_OF_LOOPS: Final[
    weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[str, FairTurns]]
] = weakref.WeakKeyDictionary()


def fair_turns_of(scarce: str) -> FairTurns:
    """
    Those of the running loop, kept as long as somebody has them.

    Args:
        scarce: What everybody wants: `RUNS`, or the address of a backend.
    """
    of_loop = _OF_LOOPS.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
    turns = of_loop.get(scarce)
    if turns is None:
        turns = of_loop[scarce] = FairTurns()
    return turns


class Place:
    """
    Of one agent, among those who want the same on one loop; taken by the first turn.

    Args:
        scarce: As of `fair_turns_of`.
    """

    def __init__(self, scarce: str) -> None:
        self._scarce = scarce
        self._turns: FairTurns | None = None
        self._share: Share | None = None

    async def in_turn(self, work: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Do something when the agent's turn has come; at once, if nobody else has a place.

        Returns, Raises: as `work`.

        Cancelling: while it waits, nothing was done; then, as of `work`.
        """
        if self._turns is None or self._share is None:
            self._turns = fair_turns_of(self._scarce)
            self._share = self._turns.join()
        turns = self._turns
        if not turns.is_shared:
            return await work(*args, **kwargs)
        turn = await turns.take(self._share)
        try:
            return await work(*args, **kwargs)
        finally:
            turns.give_back(turn)

    def leave(self) -> None:
        """It wants nothing more."""
        self._turns = self._share = None
