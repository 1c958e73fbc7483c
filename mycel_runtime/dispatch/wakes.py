"""What the journal says about work to come, heard by the dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.dispatch.due_time import DueTime
    from mycel_runtime.dispatch.timekeeper import Timekeeper
    from mycel_runtime.lean_event import LeanEvent


@dataclass(frozen=True, slots=True)
class Wakes:
    """
    A `Waker`. A time wakes nobody unless it is before all that were known: the dispatcher sleeps until those anyway.

    Attributes:
        work: Set when something may be due, or due before the dispatcher would wake by itself.
        due_time: When the next delivery is.
        timekeeper: When the next timer is.
    """

    work: LeanEvent
    due_time: DueTime
    timekeeper: Timekeeper

    def wake(self) -> None:
        """Something may have become due."""
        self.work.set()

    def wake_at(self, due_at: float) -> None:
        """A delivery becomes due then."""
        if self.due_time.note(due_at):
            self.work.set()

    def fire_at(self, due_at: float) -> None:
        """A timer's time comes then."""
        if self.timekeeper.note(due_at):
            self.work.set()
