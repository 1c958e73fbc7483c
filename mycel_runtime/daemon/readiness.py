"""When the supervisor is told that a process of several agents is ready."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.daemon import systemd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Readiness:
    """
    Tells the supervisor once every agent is ready or has ended: one that cannot start holds nobody back.

    Args:
        agents: How many there are.
        told: Called once the supervisor has been told.
    """

    def __init__(self, agents: int, told: Callable[[], None]) -> None:
        self._told = told
        self._waiting_for = agents
        self._is_any_ready = False

    @contextlib.contextmanager
    def of_one(self) -> Iterator[Callable[[], None]]:
        """One agent's life; yields what it calls when it is ready."""
        is_counted = False

        def ready() -> None:
            nonlocal is_counted
            is_counted = self._is_any_ready = True
            self._count()

        try:
            yield ready
        finally:
            if not is_counted:
                self._count()

    def _count(self) -> None:
        self._waiting_for -= 1
        if self._waiting_for == 0 and self._is_any_ready:
            systemd.notify(systemd.READY, systemd.status("asking the backend who this is"))
            self._told()
