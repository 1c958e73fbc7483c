"""A time is understood in every form that a server gives it in, and nothing else fails for one that is not."""

from __future__ import annotations

import datetime as dt

import pytest

from mycel_runtime.wire.times import time_of

NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    [
        NEW_YEAR.timestamp(),
        int(NEW_YEAR.timestamp()),
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000000+00:00",
        "2026-01-01T02:00:00+02:00",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00",
    ],
)
def test_both_forms_of_a_time_are_the_same_instant(value):
    time = time_of(value)

    assert time == NEW_YEAR
    assert time.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", 1e18, -1e18, 10**400, float("nan"), float("inf"), [], {}]
)
def test_what_tells_no_time_is_none(value):
    assert time_of(value) is None


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_instant_beyond_the_calendar_is_none(value):
    assert time_of(value) is None
