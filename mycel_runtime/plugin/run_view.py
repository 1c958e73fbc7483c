"""What every handler is shown, of whatever it is called for, and the end of that: a context ends with its run."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, cast

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.context_run import ContextRun

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from mycel_runtime.plugin.port import RunPort
    from mycel_runtime.plugin.store import Store
    from mycel_runtime.plugin.timers import Timers
    from mycel_runtime.wire.ids import UserId


@dataclass(slots=True, kw_only=True)
class RunView:
    """
    What every handler is shown.

    Attributes:
        me: The agent's user id.
        settings: An instance of the plugin's model, or the plain table.
        log: A structlog logger bound to handler and delivery. Do not log message texts.
        deadline: The time by `time.monotonic()` at which the run is cancelled, wherever it runs.
        attempt: From 1; more than 1 after failures.
        store: What the plugin remembers, a mapping of JSON values. It changes when the delivery ends well, and not
            otherwise.
        timers: What the plugin plans; as of `store`.
    """

    me: UserId
    settings: Any
    log: structlog.stdlib.BoundLogger
    deadline: float
    attempt: int
    _run: ContextRun = field(default_factory=ContextRun, repr=False)
    _runtime: RunPort = field(default=cast("RunPort", None), repr=False)

    @property
    def store(self) -> Store:
        """What the plugin remembers."""
        return self._run.store

    @property
    def timers(self) -> Timers:
        """What the plugin plans."""
        return self._run.timers

    @property
    def run(self) -> ContextRun:
        """Used by the runtime."""
        return self._run

    def put_off(self, seconds: float) -> None:
        """Called by the runtime before the handler, which begins so much later than its context was made."""
        self.deadline += seconds

    def require_awaited(self) -> None:
        """
        Called by the runtime when the handler has returned.

        Raises:
            ReplyNotAwaitedError: It has left a reply that has not even begun.
        """
        self._run.require_awaited()

    def end(self, note_use: Callable[[], None] | None = None) -> None:
        """Called by the runtime when the run is over; `note_use`: whenever it is used nevertheless, on any thread."""
        self._run.end(note_use)
