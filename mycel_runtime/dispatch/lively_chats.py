"""
Chats in which others speak faster than a handler answers. Pure.

A handler is asked again at once a bounded number of times. After that its chat must be silent for as long as a run
takes, or ten times that must have passed, and it is run once more: if somebody speaks during that run too, what it
was shown is a dead letter. Until a run comes to its end it goes on like that, so that a chat which is never silent
costs a run now and then and not all the time. A handler may ask for silence from the first run on (`quiet`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.settings import DispatchSettings

LONGEST_WAIT: Final = 10.0
"""Times the silence that is waited for: then it is done without."""


class _Silence(NamedTuple):
    """Of a chat whose handler waits for it: up to which number, since when, and since when it is waited for."""

    newest_seq: int
    since: float
    waited_since: float


class LivelyChats:
    """
    Of one identity, since the start of the process.

    Args:
        settings: `[dispatch]`.
        clock: Epoch seconds.
    """

    def __init__(self, settings: DispatchSettings, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._pauses: dict[DeliveryId, float] = {}
        self._silences: dict[DeliveryId, _Silence] = {}

    def use(self, settings: DispatchSettings) -> None:
        """From now on: `[dispatch]` was reloaded."""
        self._settings = settings

    def is_last_round(self, delivery_id: DeliveryId) -> bool:
        """Whether the next run is the one after which nothing is tried again."""
        return delivery_id in self._pauses

    def rounds(self, delivery_id: DeliveryId) -> int:
        """How often the handler may be run at once."""
        return 1 if self.is_last_round(delivery_id) else self._settings.conflict_rounds

    def note_overtaken(self, delivery_id: DeliveryId, *, seconds: float) -> None:
        """
        All rounds were in vain.

        Args:
            delivery_id: Whose.
            seconds: That the last run took.
        """
        self._pauses[delivery_id] = min(max(seconds, self._settings.retry_base), self._settings.retry_cap)

    def note_ended(self, delivery_id: DeliveryId) -> None:
        """A run came to its end, and nobody spoke before its replies."""
        self._pauses.pop(delivery_id, None)

    def seconds_to_wait(self, delivery_id: DeliveryId, newest_seq: int, *, quiet: float) -> float:
        """
        Until the handler may be run; 0: now.

        Args:
            delivery_id: Whose.
            newest_seq: Of what it has not been shown.
            quiet: Seconds of silence that the handler asks for.
        """
        silence = max(quiet, self._pauses.get(delivery_id, 0.0))
        now = self._clock()
        known = self._silences.get(delivery_id, _Silence(newest_seq, now, now))
        is_broken = newest_seq > known.newest_seq
        # Not later than now: the clock may have been set back.
        since, waited_since = now if is_broken else min(known.since, now), min(known.waited_since, now)
        self._silences[delivery_id] = _Silence(newest_seq, since, waited_since)
        left = min(since + silence, waited_since + LONGEST_WAIT * silence) - now
        if left > 0:
            return left
        del self._silences[delivery_id]
        return 0.0
