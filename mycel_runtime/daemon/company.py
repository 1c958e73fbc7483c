"""What a process does because others are at work on its identity, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import DeliverySuspected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mycel_runtime.dispatch.suspects import Suspects
    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.suspicion import Suspect
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.wire.ids import UserId

LOOK_SECONDS: Final = 5.0
"""Between two looks; what a dead process had waits for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """
    Of one identity, in one process.

    Attributes:
        journal: Shared with the others.
        me: The identity.
        death_pause: As of `Journal.take_over`.
        suspects: Told how many there are by now.
        learn: Learns what others have written, of what is kept in mind here.
        wake: Wakes the dispatcher.
        observer: Told of deliveries that were running when another process died.
    """

    journal: Journal
    me: UserId
    death_pause: float
    suspects: Suspects
    learn: Callable[[], Awaitable[None]]
    wake: Callable[[], None]
    observer: Observer

    async def look(self) -> None:
        """
        Take over what dead processes have left, and learn what others have paused and resumed.

        Raises:
            JournalError: The journal failed.

        Cancelling: it is done or not, and next time done again.
        """
        suspects = await self.journal.take_over(self.me, death_pause=self.death_pause)
        self._tell_new(suspects)
        self.suspects.recount(len(suspects))
        await self.learn()
        self.wake()

    def _tell_new(self, suspects: Sequence[Suspect]) -> None:
        for suspect in self.suspects.unheard_of(suspects):
            tell_suspected(self.observer, suspect)


def tell_suspected(observer: Observer, suspect: Suspect) -> None:
    """It was running when a process died."""
    observer.tell(DeliverySuspected(handler=suspect.handler, lane=suspect.lane, deaths=suspect.deaths))
