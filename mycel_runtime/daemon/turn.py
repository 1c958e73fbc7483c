"""
One time in which a process is at work on an agent's identity: from taking it up until it stops, or has to leave it.

A process that nobody can take over from has one turn, which lasts as long as it lives. Of several, one leaves its
identity to another that has less to do, in order; and one that has lost it ends at once what it does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.daemon.draining import REASON as DRAIN
from mycel_runtime.errors import JournalAwayError, JournalError, LeaseLostError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import DaemonStopped, DaemonStopping, LeaseHandedOver

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.daemon.draining import Draining
    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.dispatch.dispatcher import Dispatcher
    from mycel_runtime.journal.port.candidacy import Candidacy
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.observe.observer import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    Of one agent.

    Attributes:
        draining: Whether it is to do what is due, and no more.
        observer: Told of its end.
        drain_timeout: Seconds that what runs is given at the end.
        beside: What else is done while it lasts, by name.
    """

    draining: Draining
    observer: Observer
    drain_timeout: Callable[[], float]
    beside: Mapping[str, Callable[[], Coroutine[None, None, None]]]

    async def work(self, stop: StopRequest, journal: Journal, parts: Parts, candidacy: Candidacy) -> bool:
        """
        Work until the end is asked for, or another process is to go on; whether it is that.

        Raises:
            BaseExceptionGroup: An error of any part ends all of them.
        """
        async with asyncio.TaskGroup() as tasks:
            dispatching = tasks.create_task(parts.dispatcher.run(), name="dispatcher")
            others = [tasks.create_task(work, name=name) for name, work in parts.listening()]
            others += [tasks.create_task(work(), name=name) for name, work in self.beside.items()]
            is_moving = await self._wait_end(stop, parts, candidacy)
            if not is_moving and not stop.is_asked:
                # What is not heard now is unread at the next start.
                for task in others:
                    task.cancel()
                await self.draining.carry_out(stop, journal, parts)
            # If that cannot be written, what is killed with us is suspect at the next start, and no more.
            with contextlib.suppress(JournalError):
                await journal.expect_end(parts.me)
            within = self.drain_timeout()
            if not is_moving:
                self.observer.tell(DaemonStopping(reason=stop.reason or DRAIN, drain_timeout=within))
            for task in others:
                task.cancel()
            abandoned = await end_dispatching(stop, parts.dispatcher, dispatching, within)
            self.observer.tell(
                LeaseHandedOver(abandoned=abandoned) if is_moving else DaemonStopped(abandoned=abandoned)
            )
        return is_moving

    async def _wait_end(self, stop: StopRequest, parts: Parts, candidacy: Candidacy) -> bool:
        """Until the end, or a move, is asked for; whether it is a move."""
        if parts.lease_keeper.is_for_good:
            await self.draining.wait_asked(stop)
            return False
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(self.draining.wait_asked(stop), name="end-asked")
            moving = tasks.create_task(
                candidacy.wait_move(lambda: not parts.dispatcher.running), name="move-asked"
            )
            await asyncio.wait([ending, moving], return_when=asyncio.FIRST_COMPLETED)
            is_moving = not ending.done()
            ending.cancel()
            moving.cancel()
        return is_moving


async def end_dispatching(
    stop: StopRequest, dispatcher: Dispatcher, dispatching: asyncio.Task[None], within: float
) -> int:
    """
    Let what runs end, for so long or until that is asked for again; how many deliveries have not.

    Args:
        stop: Of the whole process.
        dispatcher: Claims no more.
        dispatching: The task that runs it; cancelled at the end.
        within: Seconds.
    """
    dispatcher.stop(within=within)
    async with asyncio.TaskGroup() as tasks:
        insisted = tasks.create_task(stop.wait_insisted(), name="second-signal")
        await asyncio.wait([dispatching, insisted], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        insisted.cancel()
    abandoned = dispatcher.running
    dispatching.cancel()
    return abandoned


def loss_in(error: BaseException) -> BaseException | None:
    """
    What says, in an error that has ended a turn, that the turn is lost and not the agent; `None`: nothing does.

    A database that is away for long is such a loss: nobody knows meanwhile whose turn it is.
    """
    return next(
        (each for each in _leaves(error) if isinstance(each, LeaseLostError | JournalAwayError)), None
    )


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a task tree; the others are what that caused."""
    return next(_leaves(group))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
