"""Runs of handlers of timers and schedules, without any server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from mycel_runtime.plugin.plain_context import SyncTimerContext
from mycel_runtime.plugin.timer_context import TimerContext
from mycel_runtime.testing.bare_run import BareRun


class BareTimer(BareRun[TimerContext, SyncTimerContext]):
    """
    For `@plugin.on_timer`, and with the handler's name for `@plugin.every` and `@plugin.cron`.

    Args:
        name: Of the timer; of a schedule the handler's.
        key: As the timer was set.
        data: As the timer was set.
        due_at: When it was to be called; by default now.
        more: As of `BareRun`.
    """

    def __init__(
        self, name: str, *, key: str = "", data: Any = None, due_at: datetime | None = None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.ctx = TimerContext(
            name=name, key=key, data=data, due_at=due_at or datetime.now(UTC), **self._shown
        )

    @override
    def _described(self) -> str:
        return f"timer {self.ctx.name} {self.ctx.key}".rstrip()
