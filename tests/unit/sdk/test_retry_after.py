"""Whatever a server writes into the header, it is a bounded number of seconds or nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mycel_runtime.errors import HandshakeError, RateLimitedError
from mycel_runtime.sdk.calls import whoami
from mycel_runtime.sdk.retry_after import retry_after_seconds
from tests.unit.sdk.wire import answer, answering, serving

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
TWO_MINUTES_LATER = "Wed, 21 Oct 2015 07:30:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("0.5", 0.5), ("0", 0.0), (" 7 ", 7.0), ("1e9", 1e9)]
)
def test_seconds_are_seconds(value, seconds):
    assert retry_after_seconds(value) == seconds


@pytest.mark.parametrize("value", ["", "-1", "inf", "-inf", "nan", "soon", "5, 6", "9" * 400])
def test_what_is_no_time_asks_for_nothing(value):
    assert retry_after_seconds(value, DATE) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (TWO_MINUTES_LATER, 120.0),
        ("Wednesday, 21-Oct-15 07:30:00 GMT", 120.0),
        ("Wed Oct 21 07:30:00 2015", 120.0),
        ("Wed, 21 Oct 2015 09:30:00 +0200", 120.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
    ],
)
def test_a_date_counts_from_the_answers_own(value, seconds):
    """Ours may be wrong by years."""
    assert retry_after_seconds(value, DATE) == seconds


def test_a_date_in_an_answer_without_one_says_nothing():
    assert retry_after_seconds(TWO_MINUTES_LATER) is None


@given(value=st.text(), date=st.text())
@example(value="Wed, 21 Oct 99999 07:28:00 GMT", date=DATE)
@example(value="Wed, 21 Oct 2015 07:28:00 +99999999999999", date=DATE)
@example(value="Fri, 31 Dec 9999 23:59:59 -2359", date="Mon, 01 Jan 0001 00:00:00 +2359")
def test_nothing_that_a_server_writes_is_an_error(value, date):
    seconds = retry_after_seconds(value, date)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Retry-After: 3"], 3.0),
        ([f"Date: {DATE}", f"Retry-After: {TWO_MINUTES_LATER}"], 120.0),
        (["Retry-After: 3", "Retry-After: 4"], None),
        (["Retry-After: 3", f"Date: {DATE}", f"Date: {DATE}"], 3.0),
        ([], None),
    ],
)
def test_calls_and_handshakes_read_it_alike(colour, headers, seconds):
    """A header that stands twice is an error of its own in `websockets`: it would have ended the daemon."""
    busy = answer(b"", "429 Too Many Requests", "text/plain", *headers)
    with serving(answering(busy)) as server:
        (called,) = colour.calls(server.base_url, whoami())
        (refused,) = colour.frames(server.base_url, 1)
    assert (type(called), called.retry_after_seconds) == (RateLimitedError, seconds)
    assert (type(refused), refused.retry_after_seconds) == (HandshakeError, seconds)
