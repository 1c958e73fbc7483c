"""
When a handler is to be called again and again. Pure, on the triggers of APScheduler.

A schedule says only what the next time is. That each is kept, and kept once, is the affair of the timers of the
journal.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mycel_runtime.errors import MycelError
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from apscheduler.triggers.cron import CronTrigger

SHORTEST_SECONDS: Final = 1.0
"""Between two calls of an interval."""

LONGEST_SECONDS: Final = 366 * 86_400.0
"""Between two calls of an interval."""

LATE_SECONDS: Final = 60.0
"""A time that is over for longer was missed, by a downtime or by a clock that was set."""

_FIELDS: Final = 5

_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_TICK: Final = timedelta(microseconds=1)

_WINDOW: Final = timedelta(hours=3)
"""No zone's clock is set by more at a time. Source: the tz database, Antarctica/Troll by two hours."""

_NEAR: Final = timedelta(hours=4)

_ANY_TIME: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - of a clock without a zone


class ScheduleError(MycelError):
    """It is no schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Every so many seconds, whatever the clock shows; after a gap again in step with the times before it."""

    seconds: float

    def __post_init__(self) -> None:
        if not SHORTEST_SECONDS <= self.seconds <= LONGEST_SECONDS:
            raise ScheduleError("an interval is 1 second to 366 days long")

    @property
    def is_relative(self) -> bool:
        """Whether it waits for a span of time rather than for a time of the clock."""
        return True

    @property
    def text(self) -> str:
        """What tells it from others."""
        return f"every {self.seconds!r} s"

    @property
    def zone(self) -> tzinfo:
        """It goes by no clock: UTC."""
        return UTC

    def next_at(self, previous: float | None, now: float) -> float:
        """
        The first time after `now`.

        Args:
            previous: The time before it; `None`: there was none.
            now: Epoch seconds.
        """
        if previous is None or previous > now:
            return now + self.seconds
        return previous + self.seconds * (math.floor((now - previous) / self.seconds) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """
    At times of the clock of a time zone.

    A time that the clock leaves out when summer begins is kept as much later, one that it shows twice when summer
    ends the first time only; but what is for every hour goes on through both.

    Args:
        expression: Five fields as in crontab(5): minute, hour, day of month, month, day of week. Days of the week are
            names, or numbers from 0 or 7, Sunday. If day of month and day of week are both given, either counts.
        timezone: An IANA name, for example `Europe/Berlin`.

    Raises:
        ScheduleError: One of them is none, or there is no such time.
    """

    expression: str
    timezone: str
    _walls: WallTimes = dataclasses.field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_walls", WallTimes(self.expression))
        object.__setattr__(self, "_zone", _zone(self.timezone))
        if self._walls.first_from(_ANY_TIME) is None:
            raise ScheduleError("there is no such time")

    @property
    def is_relative(self) -> bool:
        """Whether it waits for a span of time rather than for a time of the clock."""
        return False

    @property
    def text(self) -> str:
        """What tells it from others."""
        return f"cron {' '.join(self.expression.split())} {self.timezone}"

    @property
    def zone(self) -> tzinfo:
        """Whose clock it goes by."""
        return self._zone

    def next_at(self, previous: float | None, now: float) -> float:
        """
        The first time after `now`, and after the one before it: a clock that is set back shows no time again.

        Args:
            previous: The time before it; `None`: there was none.
            now: Epoch seconds.
        """
        after = datetime.fromtimestamp(now if previous is None else max(now, previous), UTC)
        best = self._first_after(after)
        assert best is not None, "there was such a time"
        return best.timestamp()

    def _first_after(self, after: datetime) -> datetime | None:
        """Where the zone's offset changes, a later time of the clock may be an earlier instant."""
        wall = after.astimezone(self._zone).replace(tzinfo=None)
        if self._is_near_change(after):
            wall -= _WINDOW
        best: datetime | None = None
        last: datetime | None = None
        while (candidate := self._walls.first_from(wall)) is not None and (last is None or candidate <= last):
            for instant in self._instants(candidate):
                if instant > after and (best is None or instant < best):
                    best = instant
            if best is not None and last is None:
                if not self._is_near_change(best):
                    break
                last = candidate + _WINDOW
            wall = candidate + _TICK
        return best

    def _instants(self, wall: datetime) -> Sequence[datetime]:
        """When the clock shows it; if it never does, when it would have."""
        first, second = (wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return (first, second) if first < second and self._walls.is_hourly else (first,)

    def _is_near_change(self, instant: datetime) -> bool:
        before, behind = (
            (instant + distance).astimezone(self._zone).utcoffset() for distance in (-_NEAR, _NEAR)
        )
        return before != behind


Schedule: TypeAlias = Interval | Cron


class WallTimes:
    """
    The times of a crontab expression, without a zone.

    Attributes:
        is_hourly: They are in every hour, or in every n-th.
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) != _FIELDS:
            raise ScheduleError(
                f"{len(fields)} fields, not five: minute, hour, day of month, month, day of week"
            )
        minute, hour, day, month, weekday = fields
        self.is_hourly = hour.startswith("*")
        weekdays = _weekdays(weekday)
        is_either = not day.startswith("*") and not weekday.startswith("*")
        days = [(day, "*"), ("*", weekdays)] if is_either else [(day, weekdays)]
        self._triggers = [_trigger(minute, hour, of_month, month, of_week) for of_month, of_week in days]

    def first_from(self, wall: datetime) -> datetime | None:
        """The first that is not before this one; `None`: there is none."""
        found = [_next(trigger, wall) for trigger in self._triggers]
        return min((each for each in found if each is not None), default=None)


def schedule_from(text: str) -> Schedule:
    """A schedule from its `text`."""
    kind, _, rest = text.partition(" ")
    if kind == "every":
        return Interval(seconds=float(rest.removesuffix(" s")))
    expression, _, timezone = rest.rpartition(" ")
    return Cron(expression=expression, timezone=timezone)


def _trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> CronTrigger:
    """In UTC, which stands for a clock without a zone: what APScheduler does where an offset changes is not ours."""
    # Only who has a schedule pays for it: its import takes a fifth of a second.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    try:
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC)
    except ValueError as exc:
        raise ScheduleError(str(exc)) from None


def _next(trigger: CronTrigger, wall: datetime) -> datetime | None:
    try:
        found: datetime | None = trigger.get_next_fire_time(None, wall.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        # The year 10000: 30 February was looked for.
        return None
    return None if found is None else found.replace(tzinfo=None)


def _weekdays(field: str) -> str:
    """As APScheduler understands them, where numbers begin with Monday."""
    if field.startswith("*") and field != "*":
        field = f"0-6{field[1:]}"
    return (
        field if field == "*" else ",".join(day for part in field.lower().split(",") for day in _span(part))
    )


def _span(part: str) -> Sequence[str]:
    days, _, step = part.partition("/")
    first, _, last = days.partition("-")
    try:
        start = _weekday(first)
        end = _weekday(last) if last else start
        each = int(step) if step else 1
        length = end - start if end >= start else end - start + len(_WEEKDAYS)
        return [_WEEKDAYS[(start + more) % len(_WEEKDAYS)] for more in range(0, length + 1, each)]
    except ValueError:
        raise ScheduleError(f"{part!r} are no days of the week") from None


def _weekday(name: str) -> int:
    return int(name) if name.isdecimal() and int(name) <= len(_WEEKDAYS) else _WEEKDAYS.index(name)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"no time zone {name!r} is known here") from None
