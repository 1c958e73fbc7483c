"""Runs of hooks of the agent's start and stop, without any server."""

from __future__ import annotations

from typing import Any

from mycel_runtime.plugin.hook_context import StartContext, StopContext
from mycel_runtime.plugin.plain_context import SyncStartContext, SyncStopContext
from mycel_runtime.testing.bare_run import BareRun


class BareStart(BareRun[StartContext, SyncStartContext]):
    """For `@plugin.on_start`; arguments as of `BareRun`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.ctx = StartContext(**self._shown)


class BareStop(BareRun[StopContext, SyncStopContext]):
    """For `@plugin.on_stop`; arguments as of `BareRun`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.ctx = StopContext(**self._shown)
