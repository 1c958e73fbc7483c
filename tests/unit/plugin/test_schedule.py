"""When the next time is, through the changes of the clock."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mycel_runtime.plugin.schedule import Cron, Interval, ScheduleError, schedule_from

BERLIN = "Europe/Berlin"
DAY = 86_400.0
SPRING = datetime(2026, 3, 28, 22, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 22, tzinfo=UTC)


def times(expression, start, count, zone=BERLIN):
    """What the clock shows at the next times."""
    cron, at, previous = Cron(expression=expression, timezone=zone), start.timestamp(), None
    shown = []
    for _ in range(count):
        at = previous = cron.next_at(previous, at)
        shown.append(datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return shown


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        ("30 2 * * *", SPRING, ["29 03:30 +0200", "30 02:30 +0200"]),
        ("30 2 * * *", AUTUMN, ["25 02:30 +0200", "26 02:30 +0100"]),
        (
            "*/20 2 * * *",
            SPRING,
            ["29 03:00 +0200", "29 03:20 +0200", "29 03:40 +0200", "30 02:00 +0200"],
        ),
        ("30 * * * *", SPRING, ["28 23:30 +0100", "29 00:30 +0100", "29 01:30 +0100", "29 03:30 +0200"]),
        (
            "30 * * * *",
            AUTUMN,
            ["25 00:30 +0200", "25 01:30 +0200", "25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"],
        ),
        ("30 2,3 * * *", SPRING, ["29 03:30 +0200", "30 02:30 +0200", "30 03:30 +0200"]),
        ("0 9 * * 0", SPRING, ["29 09:00 +0200", "05 09:00 +0200"]),
        ("0 9 * * 7", SPRING, ["29 09:00 +0200", "05 09:00 +0200"]),
        ("0 9 * * Mon-Fri", SPRING, ["30 09:00 +0200", "31 09:00 +0200"]),
        ("0 9 * * fri-mon/3", SPRING, ["30 09:00 +0200", "03 09:00 +0200", "06 09:00 +0200"]),
        ("0 9 13 * fri", datetime(2026, 4, 9, tzinfo=UTC), ["10 09:00 +0200", "13 09:00 +0200"]),
        ("0 9 29 2 *", SPRING, ["29 09:00 +0100"]),
    ],
)
def test_a_time_of_the_clock_is_kept_once_though_the_clock_is_changed(expression, start, expected):
    assert times(expression, start, len(expected)) == expected


def test_half_an_hour_of_summer_time_is_kept_too():
    """Lord Howe Island changes its clocks by thirty minutes."""
    assert times("15 2 * * *", datetime(2026, 10, 3, 10, tzinfo=UTC), 2, "Australia/Lord_Howe") == [
        "04 02:45 +1100",
        "05 02:15 +1100",
    ]


def test_a_clock_that_is_set_back_shows_no_time_again():
    cron = Cron(expression="0 9 * * *", timezone="UTC")
    kept = cron.next_at(None, 0.0)

    assert cron.next_at(kept, kept - 3_600.0) == kept + DAY


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [(None, 5.0, 15.0), (10.0, 10.0, 20.0), (10.0, 11.0, 20.0), (10.0, 35.0, 40.0), (10.0, 40.0, 50.0)],
)
def test_an_interval_keeps_step_whatever_is_missed(previous, now, expected):
    assert Interval(seconds=10).next_at(previous, now) == expected


@pytest.mark.parametrize(
    ("expression", "timezone", "problem"),
    [
        ("0 9 * *", BERLIN, "4 fields"),
        ("0 25 * * *", BERLIN, "25"),
        ("0 9 * * someday", BERLIN, "someday"),
        ("0 9 * * 8", BERLIN, "8"),
        ("0 9 * * *", "Europe/Atlantis", "Atlantis"),
        ("0 9 * * *", "../etc/passwd", "time zone"),
        ("0 9 30 2 *", BERLIN, "no such time"),
    ],
)
def test_what_is_no_schedule_is_refused(expression, timezone, problem):
    with pytest.raises(ScheduleError, match=problem):
        Cron(expression=expression, timezone=timezone)


@pytest.mark.parametrize("seconds", [0.5, 0, -1, float("nan"), 1e9])
def test_what_is_no_interval_is_refused(seconds):
    with pytest.raises(ScheduleError):
        Interval(seconds=seconds)


@pytest.mark.parametrize(
    "schedule", [Interval(seconds=0.1 * 36), Cron(expression="0  9 * * mon-fri", timezone=BERLIN)]
)
def test_a_schedule_is_known_by_its_text(schedule):
    again = schedule_from(schedule.text)

    assert again.text == schedule.text
    assert again.next_at(None, 1e9) == schedule.next_at(None, 1e9)


@pytest.mark.parametrize("hour", [9, 2])
def test_each_day_of_four_hundred_is_kept_once_whenever_it_is_asked(hour):
    """Whoever asks late, early or with a clock that was set back is told each time exactly once."""
    dice = random.Random(random.random())  # seeded by pytest-randomly, which prints how
    cron = Cron(expression=f"30 {hour} * * *", timezone=BERLIN)
    zone = ZoneInfo(BERLIN)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    kept, now, previous = [], start, None
    while now < start + 400 * DAY:
        previous = cron.next_at(previous, now)
        kept.append(datetime.fromtimestamp(previous, zone))
        now = previous + dice.choice([0.0, 1.0, -3_600.0, 7_200.0, 1_800.0])

    days = Counter(each.date() for each in kept)
    assert set(days.values()) == {1}
    assert set(days) >= {date(2026, 1, 1) + timedelta(days=day) for day in range(400)}
    assert {each.strftime("%H:%M") for each in kept} == {f"{hour:02}:30"} | (
        {"03:30"} if hour == 2 else set()
    )
