"""Quick in doubt, slow when long proven, and never slower than promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.pace import Pace

START = 1_000_000.0


def looks(pace, *, seconds, doubts=(0,)):
    """When the server is asked, in seconds from the start, by a timer that rings on time."""
    times = []
    for number in range(int(seconds / pace.shortest) + 1):
        at = number * pace.shortest
        if at in doubts:
            pace.doubt(START + at)
        if pace.is_due(START + at):
            times.append(at)
            pace.looked(START + at)
    return times


def test_for_a_minute_after_a_doubt_the_looks_are_quick():
    assert looks(Pace(shortest=10, longest=40), seconds=150) == [0, 10, 20, 30, 40, 50, 80, 110, 140]


def test_another_doubt_makes_them_quick_again():
    assert looks(Pace(shortest=10, longest=40), seconds=140, doubts=[0, 90])[6:] == [
        80,
        90,
        100,
        110,
        120,
        130,
        140,
    ]


@pytest.mark.parametrize("longest", [10, 5])
def test_a_bound_below_the_shortest_interval_holds_for_both(longest):
    pace = Pace(shortest=10, longest=longest)

    assert pace.shortest == longest
    assert looks(pace, seconds=200) == [*range(0, 201, longest)]


def test_a_clock_that_is_set_back_makes_a_look_due():
    pace = Pace(shortest=10, longest=60)
    pace.looked(START)

    assert pace.is_due(START - 1.0)


@given(
    shortest=st.floats(0.1, 100),
    longest=st.floats(0.1, 1000),
    rings=st.lists(st.tuples(st.floats(0.9, 1.1), st.booleans()), min_size=5, max_size=100),
)
def test_two_looks_never_lie_further_apart_than_the_longest_interval(shortest, longest, rings):
    """Or, where that is the shortest too, than a late ring of the timer."""
    pace = Pace(shortest=shortest, longest=longest)
    now = looked_at = START
    pace.looked(now)
    for ring, is_doubtful in rings:
        now += ring * pace.shortest
        if is_doubtful:
            pace.doubt(now)
        if pace.is_due(now):
            assert now - looked_at <= max(longest, 1.1 * pace.shortest) + 1e-6
            pace.looked(now)
            looked_at = now
