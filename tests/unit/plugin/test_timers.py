"""What a run plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.changes import NewTimer, TimerKey
from mycel_runtime.plugin.context_run import ContextEndedError
from mycel_runtime.plugin.timers import Timers

NOW = 1_000.0


def timers(require_open=lambda: None):
    return Timers({"remind", "other"}, clock=lambda: NOW, require_open=require_open)


def over():
    raise ContextEndedError


def planned(**more):
    fields = {"name": "remind", "key": "", "due_at": 1_060.0, "data": "null", "is_relative": True}
    return NewTimer(**fields | more)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ({"after": 60}, planned()),
        ({"after": timedelta(minutes=1)}, planned()),
        ({"after": 0.0}, planned(due_at=NOW)),
        ({"at": datetime.fromtimestamp(2_000, UTC)}, planned(due_at=2_000.0, is_relative=False)),
        (
            {"at": datetime.fromtimestamp(5, timezone(timedelta(hours=3)))},
            planned(due_at=5.0, is_relative=False),
        ),
    ],
)
def test_a_timer_is_set_for_a_span_or_for_a_time_of_the_clock(time, expected):
    ours = timers()
    ours.set("remind", **time)

    assert ours.planned() == (expected,)


def test_its_data_is_json_and_its_key_tells_it_from_others_of_its_name():
    ours = timers()
    ours.set("remind", after=60, data={"a": [1]}, key="k")
    ours.set("remind", after=60)

    assert ours.planned() == (planned(data='{"a":[1]}', key="k"), planned())


def test_the_last_word_about_a_timer_stands():
    ours = timers()
    ours.set("remind", after=1)
    ours.set("remind", after=60)
    ours.cancel("other", key="k")
    assert (ours.planned(), ours.cancelled()) == ((planned(),), (TimerKey("other", "k"),))

    ours.cancel("remind")
    assert (ours.planned(), ours.cancelled()) == ((), (TimerKey("other", "k"), TimerKey("remind", "")))
    ours.set("remind", after=60)
    assert ours.planned() == (planned(),)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"after": 1, "at": datetime.now(UTC)},
        {"after": -1},
        {"after": float("nan")},
        {"after": float("inf")},
        {"after": "1"},
        {"after": True},
        {"after": timedelta(days=4_000)},
        {"at": datetime(2030, 1, 1)},  # noqa: DTZ001 - on purpose
        {"at": datetime(9999, 1, 1, tzinfo=UTC)},
        {"at": 5.0},
        {"after": 1, "key": "x" * 257},
        {"after": 1, "key": None},
        {"after": 1, "data": object()},
    ],
)
def test_what_cannot_be_planned_is_refused_where_it_is_asked_for(arguments):
    ours = timers()
    with pytest.raises(ArgumentError):
        ours.set("remind", **arguments)
    assert ours.planned() == ()


def test_a_name_that_nobody_handles_is_refused():
    for plan in (lambda: timers().set("remnid", after=1), lambda: timers().cancel("remnid")):
        with pytest.raises(ArgumentError, match="no timer of this name"):
            plan()


def test_nothing_is_planned_when_the_run_is_over():
    with pytest.raises(ContextEndedError):
        timers(over).set("remind", after=1)
    with pytest.raises(ContextEndedError):
        timers(over).cancel("remind")
