"""
When the handlers of timers and schedules are called next. Pure.

What stands in the journal counts. A schedule that is not there yet, or stands there as it was before it was changed,
is reckoned from now, as the agent does when it starts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.isolation.messages import ScheduleText, TimerName
from mycel_runtime.plugin.schedule import LATE_SECONDS, schedule_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.plugin.isolation.messages import Described, HandlerDescription

_NO_TIME: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFiring:
    """
    A time that stands in a journal, without what it is about: that may say something of somebody.

    Attributes:
        timer: Its name; of a schedule its handler's.
        schedule: The schedule's text; empty of a timer that a handler has set.
        due_at: Epoch seconds.
    """

    plugin: str
    timer: str
    schedule: str
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NextFiring:
    """
    A handler's next call.

    Attributes:
        handler: Without its plugin's name.
        at: ISO 8601 with the offset of the schedule's time zone; UTC where it has none.
        is_planned: It stands in the journal; else it will once the agent runs.
        is_over: The time has come already: it is called once the agent runs and can.
        count: How many timers of this name are set.
    """

    handler: str
    at: str
    is_planned: bool
    is_over: bool
    count: int = 1

    @override
    def __str__(self) -> str:
        """For a person."""
        many = f"{self.count} set, " if self.count > 1 else ""
        when = "due since" if self.is_over else "next"
        reckoned = "" if self.is_planned else ", once it runs"
        return f"{many}{when} {self.at.replace('T', ' ')}{reckoned}"


def next_firings(said: Described, planned: Iterable[PlannedFiring], *, now: float) -> tuple[NextFiring, ...]:
    """
    Of a plugin, in the order of its handlers.

    Args:
        said: What it says of itself.
        planned: What stands in its agent's journal; nothing if there is none.
        now: Epoch seconds.
    """
    own = [each for each in planned if each.plugin == said.plugin]
    found = (_next_firing(handler, own, now) for handler in said.handlers)
    return tuple(firing for firing in found if firing is not None)


def _next_firing(
    handler: HandlerDescription, planned: Sequence[PlannedFiring], now: float
) -> NextFiring | None:
    name = handler.id.partition(".")[2]
    match handler.subscription:
        case ScheduleText() as declared:
            return _of_schedule(name, declared, planned, now)
        case TimerName(name=timer):
            return _of_timers(name, timer, planned, now)
        case _:
            return None


def _of_schedule(
    name: str, declared: ScheduleText, planned: Sequence[PlannedFiring], now: float
) -> NextFiring:
    schedule = schedule_from(declared.schedule)
    times = [each.due_at for each in planned if (each.timer, each.schedule) == (name, declared.schedule)]
    due_at = min(times, default=_NO_TIME)
    if due_at < now - LATE_SECONDS and not declared.catch_up:
        # What was missed is let pass.
        due_at = schedule.next_at(due_at, now)
    at = due_at if times else schedule.next_at(None, now)
    return NextFiring(
        handler=name,
        at=datetime.fromtimestamp(at, schedule.zone).isoformat(timespec="seconds"),
        is_planned=bool(times),
        is_over=at <= now,
    )


def _of_timers(name: str, timer: str, planned: Sequence[PlannedFiring], now: float) -> NextFiring | None:
    times = [each.due_at for each in planned if each.timer == timer and not each.schedule]
    if not times:
        return None
    return NextFiring(
        handler=name,
        at=datetime.fromtimestamp(min(times), UTC).isoformat(timespec="seconds"),
        is_planned=True,
        is_over=min(times) <= now,
        count=len(times),
    )
