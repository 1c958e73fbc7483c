"""What a handler may answer is checked where it is said, and not where it is written down."""

from __future__ import annotations

import datetime as dt
import fractions

import pytest

from mycel_runtime.plugin.outcome import Retry


@pytest.mark.parametrize(
    ("after", "seconds"), [(None, None), (0, 0.0), (5, 5.0), (0.5, 0.5), (fractions.Fraction(1, 2), 0.5)]
)
def test_a_retry_takes_seconds_or_nothing(after, seconds):
    assert Retry(after).after == seconds
    assert Retry(after=after).after == seconds


@pytest.mark.parametrize("after", ["5", "", b"5", True, dt.timedelta(seconds=5), [5], 5j])
def test_a_retry_after_something_that_is_no_number_is_refused_by_name(after):
    with pytest.raises(TypeError, match=rf"Retry\(after=.*{type(after).__name__}"):
        Retry(after=after)


@pytest.mark.parametrize("after", [-1, -0.001, float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_retry_after_no_time_that_can_be_waited_for_is_refused_by_name(after):
    with pytest.raises(ValueError, match=r"Retry\(after=.*at least 0"):
        Retry(after=after)


def test_what_was_checked_cannot_be_changed_afterwards():
    with pytest.raises(AttributeError):
        Retry(5).after = "5"
