"""The watchdog's proof that the agent can do its work: its journal answers, or is known to be waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.daemon.database_outage import DatabaseOutage

_LOOK_SECONDS: Final = 1.0


class JournalProgress:
    """
    Of one agent.

    Args:
        is_at_rest: Whether the journal keeps nobody waiting.
        ask: Asks it for something.
        outage: A database that is away is waited for by right: a new process would wait for it, too.
        tasks: Where a question lives that has no answer yet.
    """

    def __init__(
        self,
        is_at_rest: Callable[[], bool],
        ask: Callable[[], Awaitable[object]],
        outage: DatabaseOutage,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._is_at_rest = is_at_rest
        self._ask = ask
        self._outage = outage
        self._tasks = tasks
        self._asking: asyncio.Task[None] | None = None

    async def prove(self) -> None:
        """
        Return once the journal has answered, or its database is known to be away.

        Raises:
            JournalError: The journal failed.

        Cancelling: a question goes on; it is its task group's.
        """
        if self._asking is None and not self._is_at_rest():
            self._asking = self._tasks.create_task(self._asked(), name="watchdog-question")
        while self._asking is not None and not self._outage.lasts:
            await asyncio.wait([self._asking], timeout=_LOOK_SECONDS)
            if self._asking.done():
                self._asking = None

    async def _asked(self) -> None:
        await self._ask()
