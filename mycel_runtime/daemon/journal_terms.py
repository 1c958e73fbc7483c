"""
An agent's journal, opened anew for each time that the agent is at work.

Whoever was taken for dead, or has given its identity up, has nothing left in the journal that it could go on with. So
one opening is one time of waiting for its turn and of being at work; a journal that nobody else can have is opened
once.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.daemon.awaited_database import AwaitedDatabase
    from mycel_runtime.journal.port.journal import Journal


class JournalTerms:
    """
    Open while the block runs.

    Args:
        open_: Opens it for one time.
        awaited: Its database, if it has one.

    Attributes:
        current: As it is open; `None` in between.
    """

    def __init__(
        self, open_: Callable[[], AbstractAsyncContextManager[Journal]], awaited: AwaitedDatabase
    ) -> None:
        self._open = open_
        self._awaited = awaited
        self._stack = contextlib.AsyncExitStack()
        self.current: Journal | None = None

    @contextlib.asynccontextmanager
    async def opened(self, door: Callable[[], AbstractAsyncContextManager[None]]) -> AsyncIterator[Journal]:
        """
        For the first time, however long its database is away.

        Args:
            door: As of `AwaitedDatabase.wait_behind`.

        Raises:
            ConfigError, IdentityHeldError, JournalError, JournalFileError: As of `JournalEngine.opened`.
            BaseExceptionGroup: As of `AwaitedDatabase.wait_behind`.

        Cancelling: it is closed.
        """
        self.current = await self._awaited.open(self._enter, partial(self._awaited.wait_behind, door))
        try:
            yield self.current
        finally:
            await self._close()

    async def renew(self) -> Journal:
        """
        Close it, and open it again, however long it is away.

        Raises:
            IdentityHeldError, JournalError, JournalFileError: As of `JournalEngine.opened`.

        Cancelling: it is closed.
        """
        await self._close()
        self.current = await self._awaited.open(self._enter, self._awaited.wait_a_while)
        return self.current

    async def _enter(self) -> Journal:
        return await self._stack.enter_async_context(self._open())

    def hurry(self) -> None:
        """As of `Journal.hurry`, of the one that is open."""
        if self.current is not None:
            self.current.hurry()

    async def _close(self) -> None:
        self.current = None
        await self._stack.aclose()
