"""
Which deliveries a process takes: of every lane, of none, or of those that it was called to.

One process alone takes whatever is due. Where others share the work, somebody tells each which lane it is to drain;
the journal's claims see to it that a lane is in one pair of hands whatever anybody believes.
"""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import Lane
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.wire.ids import UserId

CALL_SECONDS: Final = 10.0
"""For which a call's lane is claimed of; then it is the turn of other lanes that wait, and later this one's again."""


class Share(StrEnum):
    """Of the handlers' work, what a process does."""

    EVERYTHING = "everything"
    NOTHING = "nothing"
    CALLED = "called"
    """What it is called to; others see to timers, too."""


class Claims(Protocol):
    """What the dispatcher asks for work. Each claim raises `JournalError`."""

    async def claim(self, free: int) -> Sequence[Delivery]:
        """Up to so many deliveries, claimed."""

    async def claim_suspect(self) -> Delivery | None:
        """One that was running when a process died, claimed; `None`: there is none that is due."""

    def note_end(self, delivery: Delivery) -> None:
        """Its end is written, or it was given back: its lane is free."""

    def close(self) -> None:
        """Nothing is claimed any more."""


@dataclass(frozen=True, slots=True)
class EveryLane(Claims):
    """Whatever is due of an identity."""

    journal: DispatcherJournal
    me: UserId

    @override
    async def claim(self, free: int) -> Sequence[Delivery]:
        return await self.journal.claim(self.me, limit=free)

    @override
    async def claim_suspect(self) -> Delivery | None:
        return await self.journal.claim_suspect(self.me)

    @override
    def note_end(self, delivery: Delivery) -> None:
        """Whoever tells of it has woken the dispatcher."""

    @override
    def close(self) -> None:
        """Nobody waits."""


@dataclass(frozen=True, slots=True)
class NoLane(Claims):
    """Nothing: other processes run the handlers."""

    @override
    async def claim(self, free: int) -> Sequence[Delivery]:
        return ()

    @override
    async def claim_suspect(self) -> Delivery | None:
        return None

    @override
    def note_end(self, delivery: Delivery) -> None:
        """There is none."""

    @override
    def close(self) -> None:
        """Nobody waits."""


@dataclass(frozen=True, slots=True)
class Informed(Claims):
    """
    As another one's, where other processes write, too.

    Attributes:
        claims: The other one.
        learn: Learns what others have written, of all that is kept in mind here. Called behind a claim, and before
            what it gives is run: of a chat, nobody else writes from then on what its deliveries go by.
    """

    claims: Claims
    learn: Callable[[], Awaitable[None]]

    @override
    async def claim(self, free: int) -> Sequence[Delivery]:
        if claimed := await self.claims.claim(free):
            await self.learn()
        return claimed

    @override
    async def claim_suspect(self) -> Delivery | None:
        if suspect := await self.claims.claim_suspect():
            await self.learn()
        return suspect

    @override
    def note_end(self, delivery: Delivery) -> None:
        self.claims.note_end(delivery)

    @override
    def close(self) -> None:
        self.claims.close()


class _Call:
    """To drain a lane."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.is_running = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin_run(self) -> None:
        """A delivery of the lane runs here."""
        self.is_running = True

    def end_run(self) -> None:
        """It has ended: the next one may be claimed."""
        self.is_running = False

    def end(self) -> None:
        """Whoever has called goes on."""
        if not self.over.done():
            self.over.set_result(None)


class CalledLanes(Claims):
    """
    Of the lanes that this process was called to, one delivery after the other.

    Args:
        journal: Where deliveries are.
        me: The identity.
        wake: Wakes the dispatcher.
        steady: Seconds that only go forward.
    """

    def __init__(
        self,
        journal: DispatcherJournal,
        me: UserId,
        *,
        wake: Callable[[], None],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._me = me
        self._wake = wake
        self._steady = steady
        self._calls: dict[Lane, _Call] = {}
        self._is_open = True

    async def drain(self, lane: Lane) -> None:
        """
        Have what is due in a lane run, until nothing is, or until it is others' turn.

        Cancelling: what runs, and the lane, go on all the same.
        """
        if not self._is_open:
            return
        call = self._calls.get(lane)
        if call is None:
            call = self._calls[lane] = _Call(self._steady() + CALL_SECONDS)
        self._wake()
        await asyncio.shield(call.over)

    @override
    async def claim(self, free: int) -> Sequence[Delivery]:
        waiting = [(lane, call) for lane, call in self._calls.items() if not call.is_running][:free]
        # At once: an engine far away answers many as soon as one.
        async with asyncio.TaskGroup() as tasks:
            claims = [
                tasks.create_task(self._claim(lane, call), name=f"claim-{lane}") for lane, call in waiting
            ]
        return [delivery for claim in claims for delivery in claim.result()]

    async def _claim(self, lane: Lane, call: _Call) -> Sequence[Delivery]:
        claimed: Sequence[Delivery] = ()
        if self._steady() < call.until:
            claimed = await self._journal.claim(self._me, limit=1, lane=lane)
        if claimed:
            call.begin_run()
        else:
            self._end(lane, call)
        return claimed

    @override
    async def claim_suspect(self) -> Delivery | None:
        return await self._journal.claim_suspect(self._me)

    @override
    def note_end(self, delivery: Delivery) -> None:
        call = self._calls.get(delivery.lane)
        if call is not None and call.is_running:
            call.end_run()
            self._wake()

    @override
    def close(self) -> None:
        self._is_open = False
        for lane, call in list(self._calls.items()):
            self._end(lane, call)

    def _end(self, lane: Lane, call: _Call) -> None:
        del self._calls[lane]
        call.end()
