"""
The operator's `drain` of one agent: what runs and what is due is done, nothing new is taken, and then it ends.

A signal lets what runs end, and leaves what is due to the next start; this does that too, within its time. It is for
the last hours of an installation: before the agent moves to another machine, or its plugins are taken away.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon import systemd
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.lean_event import LeanEvent

if TYPE_CHECKING:
    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.journal.port.operator import OperatorJournal

REASON = "drain"
"""Of the stop that follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """
    How it ended.

    Attributes:
        is_done: Whether nothing that was due is left; else the time was over, or a signal came.
        due, running: Deliveries that are left; they are due again at the next start.
        is_supervised: Whether somebody may start the process again that ends now.
    """

    is_done: bool
    due: int
    running: int
    is_supervised: bool


class Draining:
    """Of one agent. Asked for once; later requests wait for the same end."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._seconds = 0.0
        self._stays = False
        self._end = LeanEvent()
        """Set when it, or the end of the process, was asked for."""
        self._over: asyncio.Future[Drained] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether it was asked for."""
        return self._over is not None

    @property
    def problem(self) -> str:
        """For `status`: why the agent is not ready; empty when it was not asked for."""
        if self.since is None:
            return ""
        is_over = self._over is not None and self._over.done()
        since = f"since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.since))}"
        return (
            f"drained {since}: it waits for its end" if is_over else f"draining {since}: nothing new is taken"
        )

    def ask(self, seconds: float, *, stay: bool) -> asyncio.Future[Drained]:
        """
        Ask for it.

        Args:
            seconds: That it may take.
            stay: Whether the agent does not end with it, but waits for a signal.

        Returns:
            Its end.
        """
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
            self.since, self._seconds, self._stays = time.time(), seconds, stay
            self._end.set()
        return self._over

    async def order(self, timeout: float, *, stay: bool) -> dict[str, Any]:  # noqa: ASYNC109 - of the drain, which goes on
        """As `ask`, and wait for its end; what follows does not wait for whoever is told."""
        over = await asyncio.shield(self.ask(timeout, stay=stay))
        return {
            "is_done": over.is_done,
            "due": over.due,
            "running": over.running,
            "is_supervised": over.is_supervised,
        }

    async def wait_asked(self, stop: StopRequest) -> bool:
        """Until it, or the end, was asked for; whether it was the end."""
        stop.tell(self._end.set)
        try:
            await self._end.wait()
        finally:
            stop.tell_no_more(self._end.set)
        return stop.is_asked

    async def carry_out(self, stop: StopRequest, journal: OperatorJournal, parts: Parts) -> None:
        """
        Do what is due, for as long as it may take, and wait for the signal if the agent is to stay.

        Raises:
            JournalError: The journal failed.
        """
        systemd.notify(systemd.status("draining: nothing new is taken"))
        parts.dispatcher.drain()
        async with asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(stop.wait_asked(), name="signal-in-drain"),
                tasks.create_task(parts.dispatcher.drained.wait(), name="drained"),
            ]
            await asyncio.wait(waiting, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
        left = await journal.statistics(parts.me)
        is_done = parts.dispatcher.drained.is_set()
        await self._tell(
            stop,
            Drained(
                is_done=is_done,
                due=left.due,
                running=parts.dispatcher.running,
                is_supervised="NOTIFY_SOCKET" in os.environ,
            ),
        )

    async def pass_over(self, stop: StopRequest) -> None:
        """As `carry_out`, of an agent that has not begun to work."""
        if self._over is not None:
            await self._tell(
                stop, Drained(is_done=True, due=0, running=0, is_supervised="NOTIFY_SOCKET" in os.environ)
            )

    async def _tell(self, stop: StopRequest, drained: Drained) -> None:
        assert self._over is not None
        systemd.notify(systemd.status("drained" if drained.is_done else "not drained in time"))
        self._over.set_result(drained)
        if self._stays:
            await stop.wait_asked()
