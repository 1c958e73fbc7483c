"""Ends differ in how long they keep us away, and in nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import ConnectionClosed, HandshakeError, NotSentError, TransportError
from mycel_runtime.sdk.reconnect_backoff import (
    PAUSE_SECONDS,
    REPLACEMENTS_IN_A_ROW,
    ReconnectBackoff,
    ReplacedError,
    is_shared,
)

DEFAULTS = {"base": 1.0, "cap": 60.0, "stable_after": 60.0}
STABLE = 3600.0
"""Seconds that a connection lasted."""


def refused_connection():
    error = NotSentError("stream: ConnectionRefusedError")
    error.__cause__ = ConnectionRefusedError()
    return error


DROP = ConnectionClosed(1006)
RESTART = ConnectionClosed(1012, "service restart")
OVERLOAD = ConnectionClosed(1013, "try again later")
SHARED = [
    RESTART,
    OVERLOAD,
    refused_connection(),
    *(HandshakeError(status, "") for status in (429, 502, 503, 504)),
]
OWN = [
    DROP,
    *(ConnectionClosed(code) for code in (1000, 1001, 1011)),
    *(HandshakeError(status, "") for status in (401, 403, 404, 500)),
    NotSentError("no such host"),
    TransportError("timed out"),
]
ENDS = st.sampled_from([*SHARED, *OWN, ReplacedError("test"), HandshakeError(503, "", retry_after_seconds=7)])


def backoff(*ends, lasted=0.0):
    """After these ends; the last connection had lasted so long, the others not at all."""
    made = ReconnectBackoff(**DEFAULTS)
    for end in ends[:-1]:
        made.note(end, lasted=0.0)
    made.note(ends[-1], lasted=lasted)
    return made


def between(made):
    """The shortest and the longest delay, without the pause, to a hundredth of a second."""
    return tuple(round(made.delay(draw) - PAUSE_SECONDS, 2) for draw in (0.0, 1.0))


@pytest.mark.parametrize("end", SHARED, ids=str)
def test_an_end_that_all_share_is_come_back_from_spread_over_most_of_a_minute(end):
    assert is_shared(end)
    assert between(backoff(end, lasted=STABLE)) == (5.0, 50.0)


@pytest.mark.parametrize("end", OWN, ids=str)
def test_any_other_end_is_come_back_from_soon(end):
    assert not is_shared(end)
    assert between(backoff(end, lasted=STABLE)) == (0.0, 1.0)


@pytest.mark.parametrize("then", [DROP, RESTART, OVERLOAD, refused_connection()], ids=str)
@pytest.mark.parametrize("first", [RESTART, OVERLOAD], ids=str)
def test_whoever_comes_back_too_early_waits_as_after_many_failures(first, then):
    """A second wave of those who came too early would meet the first one."""
    made = backoff(first, lasted=STABLE)
    made.note(then, lasted=1.0)

    assert between(made) == (45.0, 60.0)


def test_failures_without_a_word_from_the_server_double_the_ceiling_up_to_the_cap():
    ceilings = [between(backoff(*[DROP] * failures)) for failures in range(1, 9)]

    assert [longest for _, longest in ceilings] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert [shortest for shortest, _ in ceilings] == [0.0] * 6 + [45.0] * 2


def test_an_overloaded_server_is_a_failure_also_after_a_stable_connection():
    made = backoff(*[DROP] * 9, OVERLOAD, lasted=STABLE)

    assert (made.failures, between(made)) == (1, (5.0, 50.0))


def test_a_server_that_has_failed_for_long_is_not_hurried_back_to_by_its_close_code():
    assert between(backoff(*[DROP] * 7, RESTART)) == (45.0, 60.0)


def test_waits_begin_small_again_only_after_a_stable_connection():
    for lasted, failures in ((59.9, 6), (60.0, 1)):
        assert backoff(*[DROP] * 6, lasted=lasted).failures == failures
    made = backoff(RESTART, DROP, lasted=STABLE)
    assert between(made) == (0.0, 1.0)


def test_only_a_few_replacements_in_a_row_are_at_once():
    """Not even with failures in between: a ring that moves on as fast as we ask would be asked for ever."""
    made, at_once = ReconnectBackoff(**DEFAULTS), 0
    for _ in range(20):
        made.note(ReplacedError("test"), lasted=0.0)
        at_once += made.delay(1.0) == PAUSE_SECONDS
        made.note(DROP, lasted=0.0)

    assert at_once == REPLACEMENTS_IN_A_ROW
    assert between(made) == (45.0, 60.0)


def test_a_stable_connection_may_be_replaced_at_once_again():
    made = backoff(*[ReplacedError("test")] * 5, lasted=STABLE)

    assert (made.failures, made.delay(1.0)) == (0, PAUSE_SECONDS)


@pytest.mark.parametrize(
    ("asked", "delay"),
    [
        (120.0, (120.0, 165.0)),
        (20.0, (20.0, 65.0)),
        (2.0, (5.0, 50.0)),
        (0.0, (5.0, 50.0)),
        (None, (5.0, 50.0)),
        (3600.0, (3600.0, 3645.0)),
        (1e300, (3600.0, 3645.0)),
    ],
)
def test_retry_after_is_a_bounded_lower_bound_and_spread(asked, delay):
    """Everybody was told the same, as a date even the same instant."""
    error = HandshakeError(503, "", retry_after_seconds=asked)

    assert between(backoff(error, lasted=STABLE)) == delay


def test_retry_after_does_not_shorten_what_failures_have_earned():
    error = HandshakeError(503, "", retry_after_seconds=1.0)

    assert between(backoff(*[error] * 9)) == (45.0, 60.0)


@given(
    ends=st.lists(st.tuples(ENDS, st.sampled_from([0.0, 59.0, STABLE])), min_size=1),
    draw=st.floats(0, 1, exclude_max=True),
    base=st.floats(0.001, 86_400),
    cap=st.floats(0.001, 86_400),
)
def test_every_delay_is_bounded(ends, draw, base, cap):
    made = ReconnectBackoff(base=base, cap=cap, stable_after=60.0)
    for end, lasted in ends:
        made.note(end, lasted=lasted)
        assert PAUSE_SECONDS <= made.delay(draw) <= PAUSE_SECONDS + cap + 7.0
