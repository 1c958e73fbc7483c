"""The last hours of an agent as numbers, for the page's charts: a ring in memory, which a restart empties."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mycel_runtime.daemon.status import Status

SAMPLE_SECONDS: Final = 30.0
"""Between two samples, give or take what a timer's jitter is."""

KEPT_SAMPLES: Final = 720
"""Six hours."""


class Sample(NamedTuple):
    """
    An agent at one time; `at` in epoch seconds.

    Attributes:
        hears: Hearing was proven.
        waiting: Deliveries that were due or running.
        oldest_seconds: For which the oldest of them had waited.
        handled, said: Deliveries finished and messages sent since the process began.
        failed: Attempts that failed since then.
        dead_letters, unknown_sends: As the journal had them.
    """

    at: float
    hears: bool
    waiting: int
    oldest_seconds: float
    handled: int
    said: int
    failed: int
    dead_letters: int
    unknown_sends: int


class Samples:
    """The newest of one agent."""

    def __init__(self) -> None:
        self._kept: deque[Sample] = deque(maxlen=KEPT_SAMPLES)

    def take(self, status: Status) -> None:
        """One more."""
        self._kept.append(sample_of(status))

    def after(self, at: float) -> list[Sample]:
        """Those that were taken later, ascending."""
        return [sample for sample in self._kept if sample.at > at]


def sample_of(status: Status) -> Sample:
    """The numbers of a status."""
    oldest = status.work.oldest
    return Sample(
        at=round(status.now, 1),
        hears=status.ready,
        waiting=status.work.due + status.work.running,
        oldest_seconds=round(max(0.0, status.now - oldest.since), 1) if oldest else 0.0,
        handled=status.events.get("delivery.finished", 0),
        said=status.speaking.sent,
        failed=status.events.get("delivery.postponed", 0) + status.events.get("delivery.buried", 0),
        dead_letters=status.work.dead_letters,
        unknown_sends=status.speaking.unknown,
    )
