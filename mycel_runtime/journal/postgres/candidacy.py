"""What the watch over all processes tells one journal, as its loop waits for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import LeaseLostError
from mycel_runtime.journal.port.candidacy import Candidacy
from mycel_runtime.journal.postgres.fleet import Member, View
from mycel_runtime.lean_event import LeanEvent

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.wire.ids import UserId


class PostgresCandidacy(Candidacy):
    """
    Of one journal.

    Args:
        mark: Its process, as it is registered.
        identity: On which it would be at work.
        loop: Where it is waited.
    """

    def __init__(self, mark: ProcessMark, identity: UserId, loop: asyncio.AbstractEventLoop) -> None:
        self._identity = identity
        self._loop = loop
        self._view = View()
        self._told = LeanEvent()
        self._moves = False
        self._is_idle: Callable[[], bool] = _never
        self.member = Member(mark, identity, self._tell, self._may_move)

    @property
    @override
    def holder(self) -> str:
        return self._view.holder

    @property
    @override
    def away_since(self) -> float | None:
        return self._view.away_since

    @override
    async def wait_turn(self) -> None:
        while not self._view.is_turn:
            if self._view.is_dead:
                raise LeaseLostError(self._identity)
            self._told.clear()
            await self._told.wait()
        self._view = self._view._replace(is_turn=False)

    @override
    async def wait_move(self, is_idle: Callable[[], bool]) -> None:
        self._is_idle = is_idle
        while not self._moves:
            self._told.clear()
            await self._told.wait()

    def _may_move(self) -> bool:
        return self._is_idle()

    def _tell(self, view: View) -> None:
        # A loop that has been closed has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._note, view)

    def _note(self, view: View) -> None:
        self._view = view
        self._moves = self._moves or view.is_move
        self._told.set()


def _never() -> bool:
    """It is not at work yet, or not asked to leave."""
    return False
