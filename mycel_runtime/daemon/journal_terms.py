"""
An agent's journal, opened anew for each time that the agent is at work.

Whoever was taken for dead, or has given its identity up, has nothing left in the journal that it could go on with. So
one opening is one time of waiting for its turn and of being at work; a journal that nobody else can have is opened
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import JournalAwayError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.daemon.database_outage import DatabaseOutage
    from mycel_runtime.journal.port.journal import Journal

AGAIN_SECONDS: Final = 2.0
"""Until it is tried again to open what is away."""


class JournalTerms:
    """
    Open while the block runs.

    Args:
        open_: Opens it for one time.
        outage: Of its database, as it was told.
        tell_away: As `on_away` of `JournalEngine.opened`.

    Attributes:
        current: As it is open; `None` in between.
    """

    def __init__(
        self,
        open_: Callable[[], AbstractAsyncContextManager[Journal]],
        outage: DatabaseOutage,
        tell_away: Callable[[str, float], None],
    ) -> None:
        self._open = open_
        self._outage = outage
        self._tell_away = tell_away
        self._stack = contextlib.AsyncExitStack()
        self.current: Journal | None = None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Journal]:
        """
        For the first time.

        Raises:
            IdentityHeldError, JournalError, JournalFileError: As of `JournalEngine.opened`.

        Cancelling: it is closed.
        """
        self.current = await self._stack.enter_async_context(self._open())
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
        began = time.monotonic()
        while True:
            try:
                self.current = await self._stack.enter_async_context(self._open())
            except JournalAwayError as exc:
                if not self._outage.lasts:
                    self._tell_away(exc.problem, time.monotonic() - began)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                if self._outage.lasts:
                    self._tell_away("", self._outage.waited)
                return self.current

    def hurry(self) -> None:
        """As of `Journal.hurry`, of the one that is open."""
        if self.current is not None:
            self.current.hurry()

    async def _close(self) -> None:
        self.current = None
        await self._stack.aclose()
