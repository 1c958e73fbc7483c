"""Schedules over four hundred days: changes of the clock, downtimes, and a clock that is set forwards and back."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mycel_runtime.dispatch.firing import firing_of, plan_of
from mycel_runtime.journal.changes import Timer
from mycel_runtime.plugin.schedule import LATE_SECONDS, Cron, Interval
from mycel_runtime.plugin.subscription import ScheduleSubscription, TimerSubscription

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DAY, HOUR = 86_400.0, 3_600.0
DAYS = 400
MORNING = Cron(expression="30 9 * * *", timezone="Europe/Berlin")
AT_NIGHT = Cron(expression="30 2 * * mon-sun", timezone="Europe/Berlin")


def as_timer(new):
    return Timer("me", "p", new.name, new.key, new.due_at, new.is_relative, new.data)


class Years:
    """
    A process that is up and down, and the clock that it sees; its journal is the timer.

    Attributes:
        fired: When each was due, what the clock showed then, and whether its handler was called.
        downtimes: From and to, by the true time.
    """

    def __init__(self, subscription, dice):
        self._subscription = subscription
        self._dice = dice
        self._ahead = 0.0
        self.now = START
        self.fired = []
        self.downtimes = []
        self._timer = as_timer(plan_of("@h", subscription, None, self.clock))

    @property
    def clock(self):
        return self.now + self._ahead

    def fire_due(self):
        if self._timer.due_at > self.clock:
            return
        firing = firing_of(self._timer, "p.h", self._subscription, self.clock)
        self.fired.append((self._timer.due_at, self.clock, firing.work is not None))
        self._timer = as_timer(firing.following)

    def be_up_until(self, end):
        while self.now < end:
            self.fire_due()
            # A process that waits for a time looks at the clock once a minute, for it may be set.
            self.now = min(end, max(self.now + 1.0, self._timer.due_at - self._ahead))
        self.fire_due()

    def be_down(self, seconds):
        self.downtimes.append((self.now, self.now + seconds))
        self.now += seconds

    def set_clock(self, seconds):
        """As the dispatcher does it when it is set back: what waits for a span of time is moved with it."""
        self._ahead += seconds
        if seconds < 0 and self._timer.is_relative and self._timer.due_at > self.clock:
            self._timer = self._timer._replace(due_at=max(self.clock, self._timer.due_at + seconds))
        if seconds < 0 and (right := plan_of("@h", self._subscription, self._timer, self.clock)):
            self._timer = as_timer(right)

    def pass_(self, *, with_steps):
        while self.now < START + DAYS * DAY:
            self.be_up_until(self.now + self._dice.uniform(HOUR, 6 * DAY))
            if self._dice.random() < 0.5:
                self.be_down(self._dice.choice([30.0, HOUR, 5 * HOUR, 3 * DAY]))
            elif with_steps:
                step = self._dice.choice([-2 * HOUR, -600.0, 600.0, 2 * HOUR])
                self.set_clock(step)
                self.be_up_until(self.now + self._dice.uniform(60.0, HOUR))
                self.set_clock(-step)
        return self


@pytest.fixture
def dice():
    return random.Random(random.random())  # seeded by pytest-randomly, which prints how


def all_times(hour):
    """Every `hour`:30 of these days, also where the clock leaves it out."""
    first = datetime.fromtimestamp(START, ZONE).replace(tzinfo=None, hour=hour, minute=30)
    days = (first + timedelta(days=day) for day in range(DAYS + 15))
    return [day.replace(tzinfo=ZONE).astimezone(UTC).timestamp() for day in days]


@pytest.mark.parametrize("with_steps", [False, True])
@pytest.mark.parametrize(("cron", "hour"), [(MORNING, 9), (AT_NIGHT, 2)])
def test_each_time_of_four_hundred_days_is_kept_once_or_once_for_the_gap(cron, hour, with_steps, dice):
    years = Years(ScheduleSubscription(schedule=cron), dice).pass_(with_steps=with_steps)

    dues = [due for due, _, _ in years.fired]
    assert dues == sorted(set(dues))
    assert all(is_called for _, _, is_called in years.fired)
    spans = [(due, clock) for due, clock, _ in years.fired]
    for at in all_times(hour):
        if START < at < dues[-1]:
            assert sum(due <= at <= clock for due, clock in spans) >= 1, datetime.fromtimestamp(at, ZONE)
    assert set(dues) <= set(all_times(hour))


def test_what_a_downtime_has_missed_is_let_pass_if_the_handler_says_so(dice):
    years = Years(ScheduleSubscription(schedule=MORNING, catch_up=False), dice).pass_(with_steps=False)

    called = {due for due, _, is_called in years.fired if is_called}
    for at in all_times(9):
        if START < at < years.fired[-1][0]:
            up_by = max((end for begin, end in years.downtimes if begin < at <= end), default=at)
            assert (at in called) is (up_by - at <= LATE_SECONDS)


@pytest.mark.parametrize(("late", "is_called"), [(30.0, True), (90.0, False)])
def test_of_many_that_were_missed_the_last_is_called_if_it_is_late_by_less_than_a_minute(late, is_called):
    """It would be, had it been missed alone."""
    years = Years(ScheduleSubscription(schedule=MORNING, catch_up=False), None)
    years.be_up_until(years._timer.due_at - HOUR)
    years.be_down(2 * DAY + HOUR + late)
    years.be_up_until(years.now + DAY + HOUR)

    first, second, third, fourth = all_times(9)[:4]
    called = {due for due, _, was_called in years.fired if was_called}
    assert called.isdisjoint({first, second})
    assert (third in called, fourth in called) == (is_called, True)


def test_an_interval_neither_drifts_nor_waits_for_a_clock_that_was_set_back(dice):
    years = Years(ScheduleSubscription(schedule=Interval(seconds=HOUR)), dice)
    years.pass_(with_steps=False)
    assert {(due - START) % HOUR for due, _, _ in years.fired} == {0.0}

    again = Years(ScheduleSubscription(schedule=Interval(seconds=HOUR)), dice)
    again.be_up_until(START + 10 * HOUR + 60)
    again.set_clock(-2 * HOUR)
    again.be_up_until(again.now + HOUR)
    assert len(again.fired) == 11


def test_a_timer_of_a_plugin_is_work_however_late_and_nothing_follows():
    timer = Timer("me", "p", "remind", "whom", 10.0, True, "{}")
    firing = firing_of(timer, "p.h", TimerSubscription(name="remind"), 10.0 + 100 * DAY)

    assert (firing.work.handler, firing.following, firing.is_one_enough) == ("p.h", None, False)
    assert firing.work.lane.startswith("timer:p.remind:")
    assert "whom" not in firing.work.lane
