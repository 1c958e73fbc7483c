"""A stream that is ended whenever it is quiet is kept from being quiet; nothing else changes the pings."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError
from mycel_runtime.sdk.quiet_limit import ENDS, FORGET_SECONDS, QuietLimit
from mycel_runtime.sdk.reconnect_backoff import ReplacedError

CONFIGURED = 20.0
SHORTEST = 2.0
DROP = ConnectionClosed(1006)
OTHER_ENDS = [
    ConnectionClosed(1011, "keepalive ping timeout"),
    ConnectionClosed(1012),
    ConnectionClosed(1013),
    ConnectionClosed(1008),
    HandshakeError(502, ""),
    NotSentError("no route"),
    ReplacedError("ours"),
]


class Stream:
    """Connects, is quiet, and is ended, again and again."""

    def __init__(self):
        self.limit = QuietLimit(ping_interval=CONFIGURED)
        self.now = 1000.0

    def live(self, quiet, *, lasted=None, end=DROP):
        """One connection; whether something was learned from it."""
        self.limit.ping_interval(self.now)
        self.now += lasted or quiet
        return self.limit.note(end, quiet=quiet, lasted=lasted or quiet, now=self.now)

    @property
    def ping_interval(self):
        return self.limit.ping_interval(self.now)


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006])
def test_several_ends_after_an_equal_quiet_teach_to_ping_in_half_that_time(code):
    stream = Stream()

    learned = [stream.live(quiet, end=ConnectionClosed(code)) for quiet in (10.1, 10.9, 10.4)]

    assert learned == [False, False, True]
    assert stream.limit.seconds == 10.1
    assert stream.ping_interval == 10.1 / 2


def test_what_came_over_the_stream_before_does_not_matter():
    """Counted is what was quiet, not what the connection lasted."""
    stream = Stream()

    learned = [stream.live(10.0, lasted=lasted) for lasted in (10.0, 31.0, 95.0)]

    assert learned == [False, False, True]


@pytest.mark.parametrize("end", OTHER_ENDS, ids=str)
def test_an_end_with_another_reason_teaches_nothing(end):
    stream = Stream()

    assert not any(stream.live(10.0, end=end) for _ in range(10))
    assert stream.ping_interval == CONFIGURED


def test_unequal_ends_teach_nothing():
    stream = Stream()

    assert not any(stream.live(quiet) for quiet in (10.0, 3.0, 10.0, 17.0, 10.0, 5.0, 10.0))
    assert stream.ping_interval == CONFIGURED


def test_a_limit_on_the_age_of_a_connection_is_none_on_its_quiet():
    """After 45 s each; the last answer to a ping came at 40 s."""
    stream = Stream()

    assert not any(stream.live(5.0, lasted=45.0) for _ in range(10))
    assert stream.ping_interval == CONFIGURED


def test_an_age_that_was_taken_for_quiet_shortens_the_pings_once():
    """Each lasts ten seconds, whatever is said: not even the server knows better before the first ping."""
    stream = Stream()

    learned = [stream.live(min(10.0, stream.ping_interval), lasted=10.0) for _ in range(30)]

    assert sum(learned) == 1
    assert stream.ping_interval == 5.0


@pytest.mark.parametrize("quiet", [0.0, 0.01, 2.0, 2.3])
def test_what_no_ping_can_help_against_teaches_nothing(quiet):
    """A server that closes at once, and one with less patience than the shortest interval allows for."""
    stream = Stream()

    assert not any(stream.live(quiet) for _ in range(10))
    assert stream.ping_interval == CONFIGURED


def test_a_quiet_longer_than_between_two_pings_is_a_lost_answer():
    stream = Stream()

    assert not any(stream.live(CONFIGURED * 1.5) for _ in range(10))


def test_a_limit_that_became_lower_is_learned_too():
    stream = Stream()

    learned = [stream.live(quiet) for quiet in [10.0] * ENDS + [4.0] * ENDS]

    assert learned == [False, False, True] * 2
    assert stream.ping_interval == SHORTEST


def test_the_configured_interval_is_tried_again_after_hours_and_one_end_is_enough_then():
    stream = Stream()
    for _ in range(ENDS):
        stream.live(10.0)
    stream.now += FORGET_SECONDS - 1
    assert stream.ping_interval == 5.0
    stream.now += 1
    assert stream.ping_interval == CONFIGURED

    assert not stream.live(10.0), "no news"

    assert stream.ping_interval == 5.0


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100), st.floats(0, 1000), st.sampled_from([DROP, *OTHER_ENDS]), st.floats(0, 100_000)
        ),
        max_size=50,
    )
)
def test_whatever_ends_come_pings_stay_within_their_bounds_and_news_makes_them_more_frequent(ends):
    stream, intervals = Stream(), []
    for quiet, more, end, pause in ends:
        before = stream.ping_interval
        if stream.live(quiet, lasted=quiet + more, end=end):
            assert stream.ping_interval < before
        intervals.append(stream.ping_interval)
        stream.now += pause

    assert all(SHORTEST <= interval <= CONFIGURED for interval in intervals)
    assert all(after <= before or after == CONFIGURED for before, after in pairwise(intervals))


@given(st.floats(2.5, 20.0))
def test_a_limit_that_can_be_kept_is_kept_after_so_many_ends(limit):
    """Whatever ends a stream that was quiet for `limit` ends three, and no more."""
    stream, ended = Stream(), 0
    while stream.ping_interval > limit * 0.99 and ended < 10:
        stream.live(min(limit, stream.ping_interval))
        ended += 1

    assert ended <= ENDS
