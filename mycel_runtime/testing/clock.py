"""A clock that runs as any does, and jumps when it is told to."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable


class JumpingClock:
    """
    Epoch seconds: of the agents, and of what the backend stamps.

    Only what waits for a time of day jumps: retries, backoff, `quiet`. A handler's own `asyncio.sleep`, its
    deadline and the network's timeouts go by the loop's clock, which nobody moves.
    """

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._ahead = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return self._real() + self._ahead

    @override
    def __repr__(self) -> str:
        return f"<JumpingClock {self.now().isoformat(timespec='seconds')}, {self._ahead:.3f} s ahead>"

    def now(self) -> datetime:
        """In UTC."""
        return datetime.fromtimestamp(self(), UTC)

    def be_right(self) -> None:
        """Show the time that it is."""
        self._ahead = 0.0

    def jump_to(self, epoch_seconds: float) -> None:
        """
        Be there at once, unless it is that late already.

        Who waits for what is due by then is not told: `Mycel.passes` does.
        """
        self._ahead += max(0.0, epoch_seconds - self())


def seconds_of(*, seconds: float, minutes: float, hours: float, days: float) -> float:
    """
    A span of time.

    Raises:
        ArgumentError: It is negative: a clock that goes back is another test's matter.
    """
    span = seconds + 60 * (minutes + 60 * (hours + 24 * days))
    if not span >= 0:
        raise ArgumentError(f"{span} seconds cannot pass", fix="Let time go forwards.")
    return span
