"""Plugins whose work waits, so that nobody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

    from mycel_runtime.dispatch.lifecycle import Lifecycle
    from mycel_runtime.dispatch.quarantine import Quarantine
    from mycel_runtime.speech.pauses import Pauses


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """
    Of one agent.

    Attributes:
        quarantine: Those that fail and fail.
        lifecycle: Those that cannot be started.
        pauses: Those that the operator has paused.
    """

    quarantine: Quarantine
    lifecycle: Lifecycle
    pauses: Pauses

    def plugins(self) -> Collection[str]:
        """Which they are now."""
        not_started = {start.plugin for start in self.lifecycle.waiting if start.attempts}
        return self.quarantine.plugins.keys() | not_started | set(self.pauses.plugins)
