"""What a handler of timers, or of a schedule, is given: what was planned, and for when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.run_view import RunView
from mycel_runtime.plugin.speaking import Speaking

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True, kw_only=True)
class TimerView(RunView):
    """
    What a handler of a timer, or of a schedule, is shown.

    Attributes:
        name: Of the timer; of a schedule the handler's.
        key: As the timer was set; empty of a schedule.
        data: As the timer was set; `None` of a schedule.
        due_at: When it was to be called. It may be late: after a downtime by as long as that took.
    """

    name: str
    key: str
    data: Any
    due_at: datetime


@dataclass(slots=True, kw_only=True)
class TimerContext(TimerView, Speaking):
    """For handlers of timers and schedules."""
