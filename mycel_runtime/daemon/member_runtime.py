"""What lives as a member of a process: an agent as a whole, or its handlers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.daemon.reload.process_reload import Reloadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.daemon.signals import StopRequest
    from mycel_runtime.observe.observer import Observer


class MemberRuntime(Reloadable, Protocol):
    """As `AgentRuntime` and `WorkerRuntime` have it."""

    @property
    def observer(self) -> Observer:
        """Told of everything."""

    @property
    def drain_timeout(self) -> float:
        """Seconds that a stop may take."""

    def ask_to_leave(self) -> None:
        """Have it drained, and end; others of its process live on."""

    async def run(self, stop: StopRequest, *, ready: Callable[[], None]) -> None:
        """Live until a stop is asked for; `ready` is called once it can work."""
