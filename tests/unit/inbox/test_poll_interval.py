"""Quick in doubt, slow when long proven, never slower than promised, and in step with nobody."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.poll_interval import JITTER, PollInterval

START = 1_000_000.0
LATEST = 1.0 - 2**-53
"""The draw that puts off the most."""


def begun(*, shortest=10, longest=40, draw=LATEST, is_suspect=True):
    """As the first look has left it, which is that of a connection; or long after, a look that was due."""
    interval = PollInterval(shortest=shortest, longest=longest, now=START - 1000 * (not is_suspect))
    interval.looked(START, draw, is_whole=True, is_timed=not is_suspect)
    return interval


def looks(interval, *, seconds, suspicions=(), draws=lambda: LATEST, is_hurried=True):
    """When the server is asked by one who sleeps until it is time, in seconds from the start, and whether for all."""
    now, told, found = START, sorted(suspicions), []
    while now < START + seconds:
        left = interval.seconds_left(now, is_hurried=is_hurried)
        if told and START + told[0] <= now + max(0.0, left):
            now = START + told.pop(0)
            interval.suspect(now)
            continue
        now += max(0.0, left)
        if interval.seconds_left(now, is_hurried=is_hurried) > 1e-6:
            continue
        is_whole = interval.is_whole_due(now, is_hurried=is_hurried)
        found.append((now - START, is_whole))
        interval.looked(now, draws(), is_whole=is_whole, is_hurried=is_hurried)
    return found


def times(found):
    return [round(at) for at, _ in found]


def test_for_a_minute_after_a_doubt_the_looks_are_quick():
    assert times(looks(begun(), seconds=170)) == [10, 20, 30, 40, 50, 90, 130, 170]


def test_another_doubt_makes_them_quick_again():
    found = looks(begun(), seconds=140, suspicions=[90])

    assert times(found) == [10, 20, 30, 40, 50, 90, 100, 110, 120, 130, 140]


def test_quick_looks_ask_for_everything_as_rarely_as_slow_ones():
    """And the last of them, after which the next one is late."""
    found = looks(begun(), seconds=170)

    assert [round(at) for at, is_whole in found if is_whole] == [40, 50, 90, 130, 170]


def test_where_calls_are_scarce_no_doubt_makes_them_quick():
    """Each look takes the place of an answer; what bounds deafness holds all the same."""
    found = looks(begun(), seconds=100, is_hurried=False)

    assert times(found) == [40, 80, 120]
    assert all(is_whole for _, is_whole in found)


@pytest.mark.parametrize("is_hurried", [True, False])
@pytest.mark.parametrize("draw", [0.1, 0.9])
@pytest.mark.parametrize("is_suspect", [True, False])
def test_while_nothing_happens_the_time_of_the_next_look_stands(is_hurried, draw, is_suspect):
    interval = begun(shortest=40, longest=55, draw=draw, is_suspect=is_suspect)

    left = [interval.seconds_left(START + at, is_hurried=is_hurried) + at for at in range(0, 30, 5)]

    assert left == [pytest.approx(left[0])] * 6


def test_before_the_first_connection_the_first_look_is_not_late():
    assert PollInterval(shortest=5, longest=30, now=START).seconds_left(START) == 5


@pytest.mark.parametrize("longest", [10, 5])
def test_a_bound_below_the_shortest_interval_holds_for_both(longest):
    interval = begun(shortest=10, longest=longest)

    assert interval.shortest == longest
    found = looks(interval, seconds=99)
    assert times(found) == [*range(longest, 101, longest)]
    assert all(is_whole for _, is_whole in found)


@pytest.mark.parametrize(("since", "span"), [(0, 10), (300, 40)], ids=["come back", "long proven"])
def test_who_have_begun_together_do_not_look_together(since, span):
    """A thousand, of which each tenth of an interval sees a tenth."""
    dice = random.Random(1)
    in_tenths = [0] * 10
    for _ in range(1000):
        found = looks(begun(draw=dice.random()), seconds=since + 2 * span, draws=dice.random)
        at = next(at for at, _ in found if at >= since)
        in_tenths[int((at - since) / span * 10) % 10] += 1

    assert max(in_tenths) < 150
    assert min(in_tenths) > 50


def test_who_are_told_together_that_there_is_no_stream_do_not_look_together():
    """Each has looked a while ago."""
    dice = random.Random(1)
    in_tenths = [0] * 10
    for _ in range(1000):
        interval = begun(draw=dice.random(), is_suspect=False)
        interval.suspect(START + 15)
        in_tenths[int(interval.seconds_left(START + 15))] += 1

    assert max(in_tenths) < 150
    assert min(in_tenths) > 50


def test_who_are_told_so_again_and_again_look_all_the_same():
    interval = begun(is_suspect=False)
    for second in range(10):
        interval.suspect(START + second)

    assert interval.seconds_left(START + 10) <= 0


@given(
    shortest=st.floats(0.1, 100),
    longest=st.floats(0.1, 1000),
    draws=st.lists(st.floats(0, LATEST), min_size=5, max_size=50),
    suspicions=st.lists(st.floats(0, 2000), max_size=10),
)
def test_looks_and_whole_looks_never_lie_further_apart_than_the_longest_interval(
    shortest, longest, draws, suspicions
):
    dice = iter(draws * 1000)
    interval = begun(shortest=shortest, longest=longest, draw=draws[0])

    found = looks(
        interval, seconds=20 * min(shortest, longest), suspicions=suspicions, draws=lambda: next(dice)
    )

    for each in (found, [look for look in found if look[1]]):
        ends = [0.0, *(at for at, _ in each)]
        assert all(after - before <= longest + 1e-6 for before, after in itertools.pairwise(ends))


@given(draws=st.lists(st.floats(0, LATEST), min_size=20, max_size=20))
def test_looks_are_no_more_than_a_jitter_allows(draws):
    """But for the first of each pace."""
    dice = iter(draws)

    found = looks(begun(draw=0.5, is_suspect=False), seconds=400, draws=lambda: next(dice, 0.5))

    assert len(found) <= 400 / (40 * (1 - JITTER)) + 2
