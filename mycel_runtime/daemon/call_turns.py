"""
Whose call goes next, where several agents of a process call one backend.

Each call costs turns of the loop that all agents share, and time of the backend. Were all of them let go at once, the
one call of an agent that is spoken to now and then would stand behind the eighty of ten agents that are never out of
work. So a few are under way at a time, and the next one is that of whoever has called least of late.

A call that is not answered for a while holds nobody up any longer: it waits for a network or a slow backend, and
costs nothing meanwhile. However slow it is, a few hundred calls a second go out, as fast as a busy loop makes them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE: Final = 3
"""Calls under way. Source: measured; with fewer the loop idles, with more the others wait as much longer."""

SLOW_SECONDS: Final = 0.01
"""After which a call under way holds up nobody any longer."""

HALF_LIFE_SECONDS: Final = 3.0
"""Until a call counts half as much of what an agent has called."""


class Share:
    """
    What one agent has called of late, and what of it waits.

    Attributes:
        level: Logarithm of the calls, each of which counts the less the longer ago it was; comparable with that of
            others, however much later it is asked for.
        waiting: Its calls, the oldest first.
    """

    def __init__(self) -> None:
        self.level = -math.inf
        self.waiting: deque[asyncio.Future[Turn]] = deque()

    def charge(self, now: float) -> None:
        """One more call."""
        age = now / HALF_LIFE_SECONDS
        self.level = math.log2(1.0 + 2.0 ** (self.level - age)) + age

    def next_waiting(self) -> asyncio.Future[Turn] | None:
        """The call that has waited longest, taken out; `None`: whoever waited was cancelled."""
        while self.waiting:
            if not (waiting := self.waiting.popleft()).done():
                return waiting
        return None


@dataclass(eq=False, slots=True)
class Turn:
    """
    A call that is under way.

    Attributes:
        began_at: By the loop's clock.
    """

    began_at: float


class CallTurns:
    """
    Of one backend and one loop.

    Args:
        clock: Seconds that never run backwards; by default the loop's.
    """

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._shares: weakref.WeakSet[Share] = weakref.WeakSet()
        self._numbers = itertools.count()
        self._queue: list[tuple[float, int, Share]] = []
        """A heap of shares that have something waiting."""
        self._under_way: dict[Turn, None] = {}
        """Those that hold others up, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None

    @override
    def __repr__(self) -> str:
        return f"<CallTurns of {len(self._shares)}, {len(self._under_way)} under way, {len(self._queue)} waiting>"

    @property
    def is_shared(self) -> bool:
        """Whether there is anybody to whom calls would be unfair."""
        return len(self._shares) > 1

    def join(self) -> Share:
        """One more agent, until its share is forgotten."""
        share = Share()
        self._shares.add(share)
        return share

    async def take(self, share: Share) -> Turn:
        """
        Wait until a call of an agent may go.

        Returns:
            What is to be given back when it has ended.

        Cancelling: the call was not made, and nothing is to be given back.
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
        """A call has ended, however it did."""
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
    weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[str, CallTurns]]
] = weakref.WeakKeyDictionary()


def call_turns_of(base_url: str) -> CallTurns:
    """Those of a backend, for all clients on the running loop; kept as long as one of them has it."""
    of_backends = _OF_LOOPS.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
    turns = of_backends.get(base_url)
    if turns is None:
        turns = of_backends[base_url] = CallTurns()
    return turns
