"""
A database that is away when a journal is to be opened: waited for, as a full disk is (`room.py`).

Ending would not help, and a supervisor that starts a daemon again and again gives up after some starts: then the
agent would stay away when the database is there again. What does not end by itself, as a password that is refused,
is an error all the same.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from mycel_runtime.daemon import systemd
from mycel_runtime.errors import JournalAwayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.daemon.database_outage import DatabaseOutage
    from mycel_runtime.journal.port.engine import JournalEngine

T = TypeVar("T")

AGAIN_SECONDS: Final = 2.0
"""Until it is tried again to open what is away."""

_EXTENSION_SECONDS: Final = 60.0
"""More that the supervisor gives the start each time that we have looked: an attempt may take a while, too."""


class AwaitedDatabase:
    """
    Of one agent.

    Args:
        engine: Keeps its journal.
        outage: Of the database, as it was told.
        tell_away: As `on_away` of `JournalEngine.opened`.
    """

    def __init__(
        self,
        engine: JournalEngine,
        outage: DatabaseOutage,
        tell_away: Callable[[str, float], None],
    ) -> None:
        self._engine = engine
        self._outage = outage
        self._tell_away = tell_away
        self._told: set[str] = set()
        self._began = 0.0

    async def open(self, open_: Callable[[], Awaitable[T]], wait: Callable[[], Awaitable[None]]) -> T:
        """
        Open what the database keeps, however long it is away.

        Args:
            open_: Opens it; raises `JournalAwayError` while it is away, and leaves nothing then.
            wait: Between two attempts.

        Returns:
            What `open_` does.

        Raises:
            MycelError: Whatever else `open_` or `wait` raises.

        Cancelling: as of `open_` and `wait`.
        """
        self._began, self._told = time.monotonic(), set()
        while True:
            try:
                opened = await open_()
            except JournalAwayError as exc:
                self._tell(exc)
            else:
                if self._outage.lasts:
                    self._tell_away("", self._outage.waited)
                return opened
            await wait()

    async def wait_a_while(self) -> None:
        """Of who answers those who ask in any case."""
        await asyncio.sleep(AGAIN_SECONDS)

    async def wait_behind(self, door: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        """
        Wait until the database answers, with the lock of the state directory.

        Args:
            door: Answers those who ask, while it is open.

        Raises:
            IdentityHeldError: Another process has the lock.
            BaseExceptionGroup: Of what the door raises, or of a `ConfigError` or `JournalFileError`: the database is
                there, and lets nobody in, or is none of ours.

        Cancelling: nothing is held.
        """
        async with self._engine.held(), door():
            is_there = False
            while not is_there:
                systemd.notify(systemd.extended(_EXTENSION_SECONDS))
                await asyncio.sleep(AGAIN_SECONDS)
                is_there = await self._answers()

    async def _answers(self) -> bool:
        try:
            await asyncio.to_thread(self._engine.exists)
        except JournalAwayError as exc:
            self._tell(exc)
            return False
        return True

    def _tell(self, away: JournalAwayError) -> None:
        """Each reason once."""
        if away.problem not in self._told:
            self._told.add(away.problem)
            self._tell_away(away.problem, self._outage.waited or time.monotonic() - self._began)
