"""Waits are bounded whatever the dice say and however often something failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.backoff import (
    LONGEST_RETRY_AFTER_SECONDS,
    exponential,
    full_jitter,
    half_jitter,
    honoured,
    patient_jitter,
    spread,
)

attempts = st.integers(min_value=1) | st.integers(min_value=1, max_value=10)
seconds = st.floats(min_value=0.001, max_value=86_400, allow_nan=False)
draws = st.floats(min_value=0, max_value=1, exclude_max=True, allow_nan=False)


@pytest.mark.parametrize(
    ("attempt", "expected"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (8, 60.0), (1000, 60.0)]
)
def test_ceiling_doubles_up_to_the_cap(attempt, expected):
    assert exponential(attempt, base=1.0, cap=60.0) == expected


@pytest.mark.parametrize("attempt", [64, 1_025, 10**9, 10**400])
def test_any_number_of_failures_is_survived(attempt):
    """A float overflows after 1024 doublings: a backend that is away for a day gets there."""
    assert exponential(attempt, base=86_400, cap=60.0) == 60.0


@given(attempt=attempts, base=seconds, cap=seconds, draw=draws)
def test_full_jitter_lies_between_nothing_and_the_ceiling(attempt, base, cap, draw):
    ceiling = exponential(attempt, base=base, cap=cap)
    assert 0 <= full_jitter(attempt, base=base, cap=cap, draw=draw) <= ceiling <= cap


@given(attempt=attempts, base=seconds, cap=seconds, draw=draws)
def test_half_jitter_never_comes_before_half_the_ceiling(attempt, base, cap, draw):
    ceiling = exponential(attempt, base=base, cap=cap)
    assert ceiling / 2 <= half_jitter(attempt, base=base, cap=cap, draw=draw) <= ceiling <= cap


@given(attempt=attempts, base=seconds, cap=seconds)
def test_ceiling_never_shrinks_with_another_failure(attempt, base, cap):
    assert exponential(attempt, base=base, cap=cap) <= exponential(attempt + 1, base=base, cap=cap)


def test_the_whole_range_is_used():
    """Clients who failed together come back spread over all of it, from at once to the ceiling."""
    assert full_jitter(4, base=1.0, cap=60.0, draw=0.0) == 0.0
    assert full_jitter(4, base=1.0, cap=60.0, draw=0.5) == 4.0
    assert half_jitter(4, base=1.0, cap=60.0, draw=0.0) == 4.0


def test_patient_jitter_never_tries_more_than_twenty_times_in_ten_minutes():
    now, tries = 0.0, 0
    while now < 600:
        tries += 1
        now += patient_jitter(tries, base=1.0, cap=60.0, draw=0.0)

    assert tries == 20


@given(cap=seconds, draw=draws)
def test_spread_lies_between_a_twelfth_and_five_sixths_of_the_cap(cap, draw):
    assert cap / 12 * (1 - 1e-9) <= spread(cap=cap, draw=draw) <= cap * 5 / 6 * (1 + 1e-9)


@given(delay=seconds, asked=st.none() | st.floats(min_value=0, allow_nan=False), cap=seconds, draw=draws)
def test_what_the_server_asked_for_is_a_lower_bound_with_an_upper_one(delay, asked, cap, draw):
    wait = honoured(delay, asked, cap=cap, draw=draw)
    assert wait >= max(delay, min(asked or 0.0, LONGEST_RETRY_AFTER_SECONDS))
    assert wait <= max(delay, LONGEST_RETRY_AFTER_SECONDS + cap)


def test_whoever_was_told_the_same_instant_does_not_come_in_it():
    assert honoured(1.0, 100.0, cap=60.0, draw=0.0) == 100.0
    assert honoured(1.0, 100.0, cap=60.0, draw=0.8) == 136.0
