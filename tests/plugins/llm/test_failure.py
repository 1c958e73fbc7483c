"""What an endpoint's refusal means: by status and code; by its text only where it says that a prompt is too long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mycel_runtime_plugins.llm.failure import (
    Kind,
    ModelError,
    is_final,
    kind_of,
    refusal,
    retry_after,
    status_said,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, Kind.TOO_LONG),
        (
            400,
            {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}},
            Kind.TOO_LONG,
        ),
        (400, "This model's maximum context length is 8 tokens", Kind.TOO_LONG),
        (413, None, Kind.TOO_LONG),
        (422, {"error": {"message": "no such parameter"}}, Kind.MISCONFIGURED),
        (400, {"error": {"code": "content_policy_violation"}}, Kind.REFUSED),
        (402, None, Kind.MISCONFIGURED),
        (403, ["odd"], Kind.MISCONFIGURED),
        (408, None, Kind.UNAVAILABLE),
        (429, {"error": {"code": "429"}}, Kind.LIMITED),
        (429, {"error": {"message": "prompt is too long"}}, Kind.LIMITED),
        (529, {"error": {"type": "overloaded_error"}}, Kind.UNAVAILABLE),
        (307, None, Kind.MISCONFIGURED),
    ],
)
def test_kind_of_a_refusal(status, body, kind):
    assert refusal(status, body, {}, NOW).kind is kind


def test_a_code_is_shown_only_if_it_is_one_word():
    error = refusal(500, {"error": {"code": "what a person said", "type": "server_error"}}, {}, NOW)

    assert str(error) == "unavailable: the endpoint is broken (HTTP 500 server_error)"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Sun, 29 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Sun, 29 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 29 Nov 2026 12:01:00"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ],
)
def test_when_the_endpoint_wants_to_be_asked_again(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"type": "rate_limit_error"}}, 429),
        ({"type": "overloaded_error"}, 529),
        ({"code": "503"}, 503),
        ({"code": "x"}, 500),
        ("odd", 500),
    ],
)
def test_an_error_in_a_stream_has_the_status_that_it_would_have_had(body, status):
    assert status_said(body) == status


@pytest.mark.parametrize(
    ("kind", "after", "attempt", "expected"),
    [
        (Kind.UNAVAILABLE, None, 7, False),
        (Kind.LIMITED, 60.0, 1, False),
        (Kind.LIMITED, 60.1, 1, True),
        (Kind.MISCONFIGURED, None, 1, True),
        (Kind.REFUSED, None, 1, True),
        (Kind.TOO_LONG, None, 1, True),
        (Kind.ODD, None, 1, False),
        (Kind.ODD, None, 2, True),
    ],
)
def test_whether_the_turn_is_given_up(kind, after, attempt, expected):
    assert is_final(ModelError(kind, "why", after=after), attempt=attempt, longest_wait=60.0) is expected


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ("Reject: refused: the model refuses", Kind.REFUSED),
        ("Retry: limited: too many requests (HTTP 429)", Kind.LIMITED),
        ("Retry", Kind.UNAVAILABLE),
        ("deadline passed", Kind.UNAVAILABLE),
        ("KeyError", Kind.UNAVAILABLE),
    ],
)
def test_what_the_person_is_told_of(failure, kind):
    assert kind_of(failure) is kind
