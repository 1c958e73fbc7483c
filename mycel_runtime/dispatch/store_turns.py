"""
Whose turn it is to change what a plugin remembers, when runs of several lanes get in each other's way.

Runs go side by side, and one whose changes were made from what another one has changed meanwhile is run again. One
that thinks for long beside others that are quick would be run again for ever. So a delivery that was outdated a few
times is run with a promise: until it has ended, other runs of its plugin that would change a store wait with their
end. One such promise is given at a time for each plugin, so whoever waits waits for one that waits for nobody; and it
lasts no longer than a run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.ids import plugin_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import DeliveryId

OUTDATED_RUNS: Final = 3
"""Of a delivery, until its next run is promised to be the last one for that."""


class _Turn:
    """
    Of one plugin.

    Attributes:
        holder: Whom it is promised to; `None`: it can be promised.
    """

    __slots__ = ("_changed", "_committing", "holder")

    def __init__(self) -> None:
        self.holder: DeliveryId | None = None
        self._committing = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def held(self, by: DeliveryId) -> AsyncIterator[None]:
        """Promised meanwhile; what is on its way before it, is there when it begins."""
        self.holder = by
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._committing == 0)
            yield
        finally:
            self.holder = None
            await self.note_change()

    def note_begin(self) -> None:
        """A commit is on its way to the journal."""
        self._committing += 1

    def note_end(self) -> None:
        """One is there, or never comes."""
        self._committing -= 1

    async def wait_until_free(self) -> None:
        """Until it is promised to nobody."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.holder is None)

    async def note_change(self) -> None:
        """Whoever waits looks again."""
        async with self._changed:
            self._changed.notify_all()


class _Commit:
    """A commit on its way, behind the run to which the turn is promised: nearly always there is none."""

    __slots__ = ("_turn", "_whose")

    def __init__(self, turn: _Turn, whose: DeliveryId) -> None:
        self._turn = turn
        self._whose = whose

    async def __aenter__(self) -> None:
        turn = self._turn
        if turn.holder is not None and turn.holder != self._whose:
            await turn.wait_until_free()
        turn.note_begin()

    async def __aexit__(self, *_: object) -> None:
        self._turn.note_end()
        if self._turn.holder is not None:
            await self._turn.note_change()


_FREELY: Final = contextlib.nullcontext()
"""Nobody waits for anybody."""


class StoreTurns:
    """Of all plugins of one identity, since the start of the process."""

    def __init__(self) -> None:
        self._outdated: Counter[DeliveryId] = Counter()
        self._turns: defaultdict[str, _Turn] = defaultdict(_Turn)

    def note_outdated(self, delivery: Delivery) -> None:
        """Its changes were made from what is there no more."""
        self._outdated[delivery.delivery_id] += 1

    def note_ended(self, delivery: Delivery) -> None:
        """It has come to its end, and is not run again for that."""
        self._outdated.pop(delivery.delivery_id, None)

    def running(self, delivery: Delivery) -> AbstractAsyncContextManager[None]:
        """
        The delivery is run meanwhile, and its end is written down.

        Cancelling: nothing is promised any more.
        """
        if self._outdated.get(delivery.delivery_id, 0) < OUTDATED_RUNS:
            return _FREELY
        turn = self._turns[plugin_of(delivery.handler)]
        # If it is not free, this run may be outdated once more. Then it has waited for the holder's end, and is next.
        return turn.held(delivery.delivery_id) if turn.holder is None else _FREELY

    def committing(self, delivery: Delivery, changes: Changes) -> AbstractAsyncContextManager[None]:
        """
        The end of a run is written down meanwhile; waits first for the end of a run to which the turn was promised.

        Cancelling: loses the place.
        """
        if not changes.may_be_outdated:
            return _FREELY
        return _Commit(self._turns[plugin_of(delivery.handler)], delivery.delivery_id)
