"""
An agent whose identity another process is at work on: it waits for its turn.

It is what it should be: ready to the supervisor, cheap, without a stream and without a call to the backend.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from mycel_runtime.errors import IdentityHeldError
from mycel_runtime.observe.facts import LeaseTaken, StandbyBegun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.journal.port.candidacy import Candidacy
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import UserId

T = TypeVar("T")

TOLD_AFTER_SECONDS: Final = 1.0
"""A turn that comes within that was no wait, as when an agent starts for which nobody else is there."""


class StandbyReport(BaseModel, frozen=True, defer_build=True):
    """
    That another process is at work.

    Attributes:
        holder: Which, for a person; empty: none is, or nobody knows.
        since: For how long this one has been waiting: epoch seconds.
    """

    holder: str
    since: float

    @property
    def words(self) -> str:
        """For a line of a status."""
        return (
            f"standby: {self.holder}, is at work" if self.holder else "standby: nobody is known to be at work"
        )


class Standby:
    """
    Of one agent.

    Args:
        observer: Told when it begins to wait, and when its turn has come.
        clock: Epoch seconds.

    Attributes:
        me: Whose turn is waited for; `None` while it is not known.
    """

    def __init__(self, observer: Observer, clock: Callable[[], float]) -> None:
        self._observer = observer
        self._clock = clock
        self._candidacy: Candidacy | None = None
        self._since: float | None = None
        self._waited = 0.0
        self.me: UserId | None = None

    @property
    def report(self) -> StandbyReport | None:
        """`None`: it does not wait."""
        if self._since is None or self._candidacy is None:
            return None
        return StandbyReport(holder=self._candidacy.holder, since=self._since)

    @property
    def problem(self) -> str:
        """Why its turn cannot come; empty: it can, or is not waited for."""
        if self._since is None or self._candidacy is None or (since := self._candidacy.away_since) is None:
            return ""
        return f"the database is away since {time.time() - since:.0f} s"

    async def wait(self, me: UserId, candidacy: Candidacy, take_up: Callable[[], Awaitable[T]]) -> T:
        """
        Wait until it is this process's turn, and come to work.

        Args:
            me: The identity.
            candidacy: Of it.
            take_up: Takes the lease, and what is done behind that.

        Returns:
            What `take_up` does.

        Raises:
            LeaseLostError: As of `Candidacy.wait_turn`.

        Cancelling: it waits no more.
        """
        self.me, self._candidacy = me, candidacy
        try:
            while True:
                await self._wait_turn(candidacy)
                try:
                    return await take_up()
                except IdentityHeldError:
                    # Another one was sooner, or the lease has a moment left.
                    continue
        finally:
            self._waited = 0.0 if self._since is None else self._clock() - self._since
            self._since = self._candidacy = None

    def tell_taken(self) -> None:
        """Its turn has come: it has the lease."""
        self._observer.tell(LeaseTaken(waited=round(self._waited, 3)))

    async def _wait_turn(self, candidacy: Candidacy) -> None:
        if self._since is None:
            try:
                async with asyncio.timeout(TOLD_AFTER_SECONDS):
                    return await candidacy.wait_turn()
            except TimeoutError:
                self._since = self._clock()
                self._observer.tell(StandbyBegun(holder=candidacy.holder))
        return await candidacy.wait_turn()
