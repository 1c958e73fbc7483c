"""What is repeated: only what is safe, only so often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import (
    ApiError,
    ConflictError,
    InvalidResponseError,
    NotSentError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.policy import may_repeat, retry_delay

READ = calls.whoami()
WRITE = calls.add_member("c", "u")
SEND = calls.send_message("c", "hi")


@pytest.mark.parametrize(
    ("error", "read", "write"),
    [
        (NotSentError("refused"), True, True),
        (TransportError("reset"), True, False),
        (ServerError(502, "x"), True, False),
        (ServerError(503, "x"), True, False),
        (ServerError(504, "x"), True, False),
        (ServerError(500, "x"), False, False),
        (RateLimitedError(429, "x"), True, False),
        (RateLimitedError(429, "x", retry_after_seconds=30.0), True, False),
        (RateLimitedError(429, "x", retry_after_seconds=31.0), False, False),
        (ServerError(503, "x", retry_after_seconds=3600.0), False, False),
        (InvalidResponseError(200, "x"), False, False),
        (ConflictError(409, "x"), False, False),
        (ApiError(307, "x"), False, False),
    ],
)
def test_only_what_is_safe_and_may_help_is_repeated(error, read, write):
    assert (may_repeat(READ, error), may_repeat(WRITE, error), may_repeat(SEND, error)) == (
        read,
        write,
        False,
    )


@pytest.mark.parametrize("call", [calls.read_messages("c"), calls.drain_notifications()])
def test_destructive_reading_is_no_safe_call(call):
    assert not may_repeat(call, TransportError("reset"))


@given(
    attempt=st.integers(1, 1000),
    draw=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 30),
)
def test_pause_is_bounded_and_no_shorter_than_asked(attempt, draw, asked):
    delay = retry_delay(RateLimitedError(429, "x", retry_after_seconds=asked), attempt, draw)
    assert (asked or 0.0) <= delay <= (asked or 0.0) + 5.0
