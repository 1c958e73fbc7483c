"""When handlers are called next: what the journal holds, or what the agent would plan."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mycel_runtime import Plugin
from mycel_runtime.plugin.agenda import PlannedFiring, next_firings
from mycel_runtime.plugin.isolation.description import described
from mycel_runtime.plugin.loading import ImportedPlugin

SUNDAY = datetime(2026, 3, 29, 0, 30, tzinfo=UTC).timestamp()
"""In Berlin half an hour before summer begins."""

HOUR = 3_600.0

CRON = "cron 0 9 * * * Europe/Berlin"


@pytest.fixture
def said():
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx): ...

    @plugin.cron("0 9 * * *", timezone="Europe/Berlin", catch_up=False)
    async def morning(ctx): ...

    @plugin.every(hours=6)
    async def often(ctx): ...

    @plugin.on_timer("tea")
    async def drink(ctx): ...

    return described(ImportedPlugin(plugin=plugin, settings=None, origin="p.py", version=""))


def planned(timer, due_at, *, schedule="", plugin="p"):
    return PlannedFiring(plugin=plugin, timer=timer, schedule=schedule, due_at=due_at)


def listed(said, *stands, now=SUNDAY):
    return {each.handler: str(each) for each in next_firings(said, stands, now=now)}


def test_what_has_never_run_is_reckoned_from_now_by_the_clock_of_the_schedules_zone(said):
    assert listed(said) == {
        "morning": "next 2026-03-29 09:00:00+02:00, once it runs",
        "often": "next 2026-03-29 06:30:00+00:00, once it runs",
    }


def test_what_stands_in_the_journal_counts(said):
    assert listed(
        said,
        planned("often", SUNDAY + HOUR, schedule="every 21600.0 s"),
        planned("morning", SUNDAY + 24 * HOUR, schedule=CRON),
        planned("tea", SUNDAY + 2 * HOUR),
        planned("tea", SUNDAY + HOUR),
        planned("tea", SUNDAY, plugin="another"),
    ) == {
        "morning": "next 2026-03-30 02:30:00+02:00",
        "often": "next 2026-03-29 01:30:00+00:00",
        "drink": "2 set, next 2026-03-29 01:30:00+00:00",
    }


def test_a_schedule_that_was_changed_since_then_counts_as_it_is(said):
    changed = planned("often", SUNDAY + HOUR, schedule="every 60.0 s")

    assert listed(said, changed)["often"] == "next 2026-03-29 06:30:00+00:00, once it runs"


def test_what_a_downtime_has_missed_is_due_or_let_pass_as_the_handler_says(said):
    missed = (
        planned("often", SUNDAY - HOUR, schedule="every 21600.0 s"),
        planned("morning", SUNDAY - HOUR, schedule=CRON),
    )

    assert listed(said, *missed) == {
        "morning": "next 2026-03-29 09:00:00+02:00",
        "often": "due since 2026-03-28 23:30:00+00:00",
    }
