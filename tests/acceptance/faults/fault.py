"""What goes wrong, and how that is told: a row of the table in `README.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mycel_runtime.daemon.status import Status
    from tests.acceptance.faults.world import World


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    One that begins when its context is entered, and is over, or mended, when it is left.

    Attributes:
        of: Brings it about.
        is_told: Whether `/status`, which `status --json` prints, tells it; no longer when it is over.
        words: A piece of what `status` shows a person of it.
        metric: Its name without the prefix, and its labels without the agent's. A gauge is higher while it lasts, and
            as before when it is over; a counter is higher from then on.
        unready: A piece of the problem that `/readyz` answers 503 with; empty: it answers 200, for hearing goes on.
    """

    of: Callable[[World], AbstractContextManager[None]]
    is_told: Callable[[Status], Any]
    words: str
    metric: tuple[str, dict[str, str]] | None
    unready: str = ""

    @property
    def name(self):
        """As its function is called."""
        return self.of.__name__

    @property
    def is_counted(self):
        """Whether its metric only grows."""
        return self.metric is not None and self.metric[0].endswith("_total")
