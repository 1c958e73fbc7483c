"""
Which version of a relationship, a request or a workflow event each handler was told last.

Kept in the journal's snapshot, beside what the server's lists said: a frame and a look at the lists tell of the same
thing, in either order and perhaps with a restart between, and a handler hears of each version once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.journal.changes import ToldVersion
from mycel_runtime.journal.told import BURIED, told_kind
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.delivery import EventDelivery
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.plugin.subject import Subject


@dataclass(frozen=True, slots=True)
class ToldVersions:
    """
    Of one identity's handlers.

    Attributes:
        journal: Where they are kept.
    """

    journal: DispatcherJournal

    async def is_told(self, delivery: EventDelivery, subject: Subject) -> bool:
        """Whether the handler has been run on this version, and not in vain or not for this entry."""
        noted = await self.journal.noted(delivery.identity, kind=told_kind(delivery.handler), key=subject.key)
        version, _, buried = (noted or "").partition(BURIED)
        return version == subject.version and buried != _name(delivery)

    def version(self, delivery: EventDelivery, subject: Subject) -> ToldVersion:
        """The handler has been run on it: written down with the end of the delivery, and so with what it changed."""
        return ToldVersion(kind=told_kind(delivery.handler), key=subject.key, state=subject.version)

    async def note_given_up(self, delivery: EventDelivery, subject: Subject) -> None:
        """The handler was given up with it, and it becomes a dead letter: told, but not to that letter."""
        state = subject.version + BURIED + _name(delivery)
        told = ToldVersion(kind=told_kind(delivery.handler), key=subject.key, state=state)
        await self.journal.note(delivery.identity, told)


def _name(delivery: EventDelivery) -> str:
    """What tells an entry from others, also when it comes back as a dead letter."""
    return f"{delivery.entry.received_at} {delivery.entry.fingerprint}"
