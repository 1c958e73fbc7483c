"""Quick in doubt, slow when long proven, and never slower than promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.poll_interval import PollInterval

START = 1_000_000.0


def looks(interval, *, seconds, suspicions=(0,)):
    """When the server is asked, in seconds from the start, by a timer that rings on time."""
    times = []
    for number in range(int(seconds / interval.shortest) + 1):
        at = number * interval.shortest
        if at in suspicions:
            interval.suspect(START + at)
        if interval.is_due(START + at):
            times.append(at)
            interval.looked(START + at)
    return times


def test_for_a_minute_after_a_doubt_the_looks_are_quick():
    assert looks(PollInterval(shortest=10, longest=40), seconds=150) == [0, 10, 20, 30, 40, 50, 80, 110, 140]


def test_another_doubt_makes_them_quick_again():
    assert looks(PollInterval(shortest=10, longest=40), seconds=140, suspicions=[0, 90])[6:] == [
        80,
        90,
        100,
        110,
        120,
        130,
        140,
    ]


def test_where_calls_are_scarce_no_doubt_makes_them_quick():
    """Each look takes the place of an answer; what bounds deafness holds all the same."""
    interval = PollInterval(shortest=10, longest=40)
    interval.suspect(START)
    interval.looked(START)

    due = [at for at in range(0, 60, 10) if interval.is_due(START + at, is_hurried=False)]
    assert due[0] == 30


@pytest.mark.parametrize("longest", [10, 5])
def test_a_bound_below_the_shortest_interval_holds_for_both(longest):
    interval = PollInterval(shortest=10, longest=longest)

    assert interval.shortest == longest
    assert looks(interval, seconds=200) == [*range(0, 201, longest)]


def test_a_clock_that_is_set_back_makes_a_look_due():
    interval = PollInterval(shortest=10, longest=60)
    interval.looked(START)

    assert interval.is_due(START - 1.0)


@given(
    shortest=st.floats(0.1, 100),
    longest=st.floats(0.1, 1000),
    rings=st.lists(st.tuples(st.floats(0.9, 1.1), st.booleans()), min_size=5, max_size=100),
)
def test_two_looks_never_lie_further_apart_than_the_longest_interval(shortest, longest, rings):
    """Or, where that is the shortest too, than a late ring of the timer."""
    interval = PollInterval(shortest=shortest, longest=longest)
    now = looked_at = START
    interval.looked(now)
    for ring, is_suspect in rings:
        now += ring * interval.shortest
        if is_suspect:
            interval.suspect(now)
        if interval.is_due(now):
            assert now - looked_at <= max(longest, 1.1 * interval.shortest) + 1e-6
            interval.looked(now)
            looked_at = now
