"""Plugins that fail and fail are left alone."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.quarantine import MOST_OUTLIVING, Quarantine
from mycel_runtime.dispatch.verdict import (
    Failed,
    Overtaken,
    Quarantined,
    Returned,
    Unanswered,
    Waiting,
)
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.settings import DispatchSettings

FAILED = Failed(letter=Letter(reason="ValueError"))


class Log:
    def __init__(self):
        self.names = []

    def tell(self, fact):
        self.names.append(fact.name)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def quarantine(log, now):
    settings = DispatchSettings(quarantine_after=3, quarantine_time=100)
    return Quarantine(settings, observer=log, clock=lambda: now[0], outliving=lambda _: 0)


def fail(quarantine, count, handler="p.one", result=FAILED):
    for _ in range(count):
        quarantine.note(handler, result)


def test_failures_in_a_row_of_any_of_its_handlers_leave_a_plugin_alone(quarantine, log):
    fail(quarantine, 2)
    assert quarantine.refuse("p.one") is None
    fail(quarantine, 1, "p.two")

    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)
    assert quarantine.refuse("q.one") is None
    assert log.names == ["plugin.quarantined"]


def test_a_success_between_them_begins_anew(quarantine):
    fail(quarantine, 2)
    quarantine.note("p.one", Returned())
    fail(quarantine, 2)

    assert quarantine.refuse("p.one") is None


@pytest.mark.parametrize(
    "result",
    [Unanswered(letter=Letter(reason="x")), Failed(letter=Letter(reason="Retry"), is_answer=True)],
    ids=["backend", "answer"],
)
def test_what_is_not_the_plugins_fault_counts_for_nothing(quarantine, result):
    fail(quarantine, 99, result=result)

    assert quarantine.refuse("p.one") is None


def test_one_that_says_what_it_lacks_is_left_alone_at_once_and_told_once(quarantine, now, log):
    lacking = Failed(letter=Letter(reason="no key"), is_answer=True, is_unavailable=True)
    fail(quarantine, 2, result=lacking)

    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)
    assert quarantine.reasons == {"p": "no key"}
    now[0] = 100
    assert quarantine.refuse("p.one") is None
    fail(quarantine, 1, result=lacking)
    assert log.names == ["plugin.unavailable"]
    now[0] = 200
    assert quarantine.refuse("p.one") is None
    quarantine.note("p.one", Returned())
    assert (quarantine.reasons, quarantine.refuse("p.two")) == ({}, None)
    assert log.names == ["plugin.unavailable", "plugin.released"]


def test_after_the_time_one_delivery_is_tried(quarantine, now, log):
    fail(quarantine, 3)
    now[0] = 100.0

    assert quarantine.refuse("p.one") is None
    assert quarantine.refuse("p.two") == Quarantined(plugin="p", retry_after=100)
    quarantine.note("p.one", Returned())
    assert quarantine.refuse("p.two") is None
    assert log.names == ["plugin.quarantined", "plugin.released"]


@pytest.mark.parametrize("result", [Waiting(seconds=2.0), Overtaken()], ids=["quiet", "letter"])
def test_a_delivery_that_is_not_run_is_no_trial(quarantine, now, result):
    """Else a plugin that waits for silence would be left alone once more for each of its chats."""
    fail(quarantine, 3)
    quarantine.note("p.one", result)
    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)
    now[0] = 100.0
    for _ in range(3):
        assert quarantine.refuse("p.one") is None
        quarantine.note("p.one", result)

    assert quarantine.refuse("p.two") is None
    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)


def test_a_clock_that_is_set_back_leaves_nobody_alone_for_longer(quarantine, now):
    now[0] = 10_000.0
    fail(quarantine, 3)
    now[0] = 0.0
    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)
    now[0] = 100.0

    assert quarantine.refuse("p.one") is None


def test_the_operator_ends_it_at_once(quarantine):
    fail(quarantine, 3)

    assert quarantine.release("p")
    assert not quarantine.release("p")
    assert quarantine.refuse("p.one") is None
    assert quarantine.plugins == {}


def test_one_that_could_not_be_imported_waits_for_a_restart(quarantine, now):
    quarantine.keep_out(["p"])
    now[0] = 1000.0

    assert quarantine.refuse("p.one") == Quarantined(plugin="p", retry_after=100)
    assert quarantine.refuse("q.one") is None
    assert quarantine.plugins == {"p": 1100.0}
    assert not quarantine.release("p")
    assert quarantine.refuse("p.one") is not None


def test_a_plugin_whose_runs_do_not_end_is_left_alone_until_one_does(log):
    outliving = {"p": MOST_OUTLIVING - 1}
    quarantine = Quarantine(
        DispatchSettings(), observer=log, clock=lambda: 0.0, outliving=lambda plugin: outliving.get(plugin, 0)
    )
    assert quarantine.refuse("p.one") is None

    outliving["p"] += 1
    assert quarantine.refuse("p.one") == quarantine.refuse("p.two") == Quarantined(plugin="p", retry_after=30)
    assert quarantine.refuse("q.one") is None
    assert list(quarantine.plugins) == ["p"]

    outliving["p"] -= 1
    assert quarantine.refuse("p.one") is None
    assert list(quarantine.plugins) == []
    assert log.names == ["plugin.clogged", "plugin.released"]
