"""
Keeps the journal small: goes through it once a minute, in steps of a few rows between the others' commits.

The steps take a small part of the writer's time, however much there is to remove: who listens and who answers is
served first. A journal at rest is woken for it once an hour only.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import field
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import JournalError
from mycel_runtime.inbox.sequence import MEMORY_FRAMES
from mycel_runtime.journal.retention import START, Keep, Retention, Swept
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import DeadLettersExpired, JournalOversized, JournalSwept, SweepFailed
from mycel_runtime.settings.amounts import SHORTEST_KEEP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mycel_runtime.journal.capture_file import CaptureFile
    from mycel_runtime.journal.port.operator import OperatorJournal
    from mycel_runtime.journal.retention import Place
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.settings import JournalSettings

SWEEP_SECONDS: Final = 60.0
"""Between two sweeps."""

REST_SWEEP_SECONDS: Final = 3600.0
"""Between two sweeps of a journal at rest: nothing is added to it, and what is in it grows old by days."""

_PAUSE_SECONDS: Final = 0.02
_PAUSE_FACTOR: Final = 63
"""
A step may take a 64th of the writer's time. To write what it has changed to the log, and into the file, takes about
as much again. So some 3,000 rows go in a second beside a busy writer.
"""


@dataclass(slots=True, kw_only=True)
class Sweeper:
    """
    Of one journal.

    Attributes:
        journal: Open.
        retention: What its owner wants kept.
        observer: Told of what was removed.
        capture_file: What runs were shown goes with their turns; `None`: that is not kept.
        pause: Waits between two steps, for so many seconds.
        steady: Seconds of a clock that nobody sets.
    """

    journal: OperatorJournal
    retention: Retention
    observer: Observer
    capture_file: CaptureFile | None = None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    steady: Callable[[], float] = time.monotonic
    _keep: Keep = field(init=False)
    _is_oversized: bool = field(init=False, default=False)
    _swept_at: float = field(init=False)

    def __post_init__(self) -> None:
        """At first it keeps what is wanted, and what comes to rest at once is swept when it has rested."""
        self._swept_at = self.steady()
        self._keep = Keep.wanted(self.retention)

    def use(self, settings: JournalSettings) -> None:
        """From the next sweep on: the owner wants something else kept."""
        wanted = retention_of(settings)
        if wanted != self.retention:
            self.retention, self._keep = wanted, Keep.wanted(wanted)

    async def sweep_if_awake(self) -> Swept:
        """As `sweep`; but a journal at rest is woken for it rarely."""
        is_recent = self.steady() - self._swept_at < REST_SWEEP_SECONDS
        return Swept() if self.journal.is_at_rest and is_recent else await self.sweep()

    async def sweep(self) -> Swept:
        """
        Go through the journal once.

        Returns:
            What was removed. If the store fails, the next sweep goes on; that is told, and nothing is raised.

        Cancelling: steps that were made stand.
        """
        swept, place, used_bytes = Swept(), START, 0
        age = self._keep.age(self.retention)
        next_place: Place | None = place
        while next_place is not None:
            try:
                step = await self.journal.sweep(next_place, age, kept_numbers=self.retention.kept_numbers)
            except JournalError as exc:
                self.observer.tell(SweepFailed(reason=str(exc)))
                break
            swept, next_place, used_bytes = swept.plus(step.swept), step.place, step.used_bytes
            if next_place is not None:
                await self.pause(max(_PAUSE_SECONDS, _PAUSE_FACTOR * step.seconds))
        else:
            self._swept_at = self.steady()
            self._mind_size(used_bytes)
        self._tell(swept)
        return swept

    def _mind_size(self, used_bytes: int) -> None:
        self._keep = self._keep.after_sweep(self.retention, used_bytes)
        if self._keep.is_pressed and not self._is_oversized:
            assert self.retention.max_bytes is not None
            self.observer.tell(JournalOversized(size=used_bytes, max_size=self.retention.max_bytes))
        self._is_oversized = self._keep.is_pressed

    def _tell(self, swept: Swept) -> None:
        if swept.captured and self.capture_file is not None:
            self.capture_file.forget_through(swept.captured)
        if swept.letters:
            self.observer.tell(DeadLettersExpired(letters=swept.letters))
        if swept.rows or swept.freed:
            self.observer.tell(
                JournalSwept(
                    entries=swept.entries,
                    sends=swept.sends,
                    utterances=swept.utterances,
                    questions=swept.questions,
                    turns=swept.turns,
                    freed=swept.freed,
                )
            )


def retention_of(settings: JournalSettings) -> Retention:
    """As the owner has set it."""
    return Retention(
        keep=settings.keep_seconds,
        keep_letters=settings.keep_dead_letters_seconds,
        max_bytes=None if math.isinf(settings.max_bytes) else int(settings.max_bytes),
        shortest_keep=SHORTEST_KEEP_SECONDS,
        kept_numbers=MEMORY_FRAMES,
    )
