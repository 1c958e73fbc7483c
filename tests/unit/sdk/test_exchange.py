"""What an answer means, status by status."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentTooLargeError,
    IntermediaryError,
    InvalidResponseError,
    NotCaughtUpError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    ValidationError,
)
from mycel_runtime.sdk import calls
from mycel_runtime.sdk.exchange import Reply, Send, Tell, exchange

READ = calls.whoami()
LIST = calls.list_chats()
SEND = calls.send_message("c", "hi")


def run(call, reply):
    """The result of an exchange and the facts it told."""
    told = []
    steps = exchange(call)
    assert next(steps) == Send()
    try:
        step = steps.send(reply)
        while isinstance(step, Tell):
            told.append(step.fact)
            step = next(steps)
    except StopIteration as done:
        return done.value, told
    raise AssertionError(step)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, NotFoundError),
        (409, ConflictError),
        (413, ContentTooLargeError),
        (422, ValidationError),
        (429, RateLimitedError),
        (500, ServerError),
        (502, ServerError),
        (599, ServerError),
        (201, InvalidResponseError),
        (204, InvalidResponseError),
        (304, InvalidResponseError),
        (418, ApiError),
    ],
)
def test_every_status_but_200_is_the_error_that_it_means(status, kind):
    with pytest.raises(kind) as caught:
        run(READ, Reply(status, b'{"detail": "words"}'))
    assert type(caught.value) is kind
    assert (caught.value.status_code, caught.value.detail) == (status, "words")
    assert str(caught.value) == f"HTTP {status}: words"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Forbidden</html>",
        b"",
        b'{"message": "no Route matched"}',
        b'{"error": "rate limited"}',
        b'{"detail": null}',
        b'{"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "by policy"}',
        b"[]",
    ],
)
@pytest.mark.parametrize("call", [READ, SEND], ids=["read", "send"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 418, 422, 451, 499])
def test_a_refusal_that_is_not_in_the_backends_shape_is_none_of_its_refusals(status, call, body):
    with pytest.raises(IntermediaryError) as caught:
        run(call, Reply(status, body))
    assert (caught.value.status_code, caught.value.is_backends_own) == (status, False)


def test_409_of_a_send_is_not_caught_up():
    with pytest.raises(NotCaughtUpError):
        run(SEND, Reply(409, b'{"detail": "words"}'))


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"detail": "words"}', "words"),
        (b'{"message": "words"}', "words"),
        (b'{"detail": null, "message": "words"}', "null"),
        ('{"detail": {"error": "ü"}}'.encode(), '{"error": "ü"}'),
        (b'{"detail": [1]}', "[1]"),
        (b'{"error": "code"}', '{"error": "code"}'),
        (b"[1]", "[1]"),
        (b"Internal Server Error", "Internal Server Error"),
        (b"\xff", "\ufffd"),
        (b"", "empty response body"),
    ],
)
def test_detail_is_the_most_telling_text(content, detail):
    with pytest.raises(ApiError) as caught:
        run(READ, Reply(503, content))
    assert caught.value.detail == detail


def test_422_keeps_its_list_and_survives_a_text():
    entries = [{"loc": ["body", "x"], "msg": "m", "type": "t"}]
    with pytest.raises(ValidationError) as caught:
        run(READ, Reply(422, json.dumps({"detail": [*entries, "odd"]}).encode()))
    assert caught.value.errors == entries
    with pytest.raises(ValidationError) as caught:
        run(READ, Reply(422, b'{"detail": "words"}'))
    assert (caught.value.errors, caught.value.detail) == ([], "words")


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("", None), ("-1", None), ("inf", None), ("nan", None)]
)
def test_retry_after_is_told_in_seconds(header, seconds):
    with pytest.raises(RateLimitedError) as caught:
        run(READ, Reply(429, b"", header))
    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize("call", [READ, LIST])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty body"),
        (b"null", "null"),
        (b"17", "int"),
        (b'"x"', "str"),
        (b"<html>", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"a": ', "no JSON"),
    ],
)
def test_200_without_the_promised_json_is_invalid(call, content, found):
    with pytest.raises(InvalidResponseError) as caught:
        run(call, Reply(200, content))
    assert caught.value.detail == f"expected a JSON {call.answer}, got {found}"
    assert caught.value.status_code == 200


def test_unknown_fields_survive():
    result, told = run(READ, Reply(200, b'{"id": "x", "new": {"a": [1, null, 1e300, 12345678901234567890]}}'))
    assert result == {"id": "x", "new": {"a": [1, None, 1e300, 12345678901234567890]}}
    assert told == []


def test_empty_answer_of_mark_read_is_success():
    assert run(calls.mark_read("c"), Reply(200, b"")) == ({"status": "ok", "chat_id": "c"}, [])


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"detail": "words"}',
        b'{"detail": {"message": "words"}}',
        b'{"detail": {"message": {"id": "m"}}}',
        b'{"detail": {"message": {"id": 1, "seq": 1}}}',
    ],
)
def test_q21_needs_a_whole_row(content):
    with pytest.raises(ServerError):
        run(SEND, Reply(500, content))


def test_q21_is_a_matter_of_sends_only():
    with pytest.raises(ServerError):
        run(READ, Reply(500, b'{"detail": {"message": {"id": "m", "seq": 1}}}'))


def test_content_is_kept_but_neither_printed_nor_unbounded():
    with pytest.raises(ServerError) as caught:
        run(READ, Reply(500, b'{"detail": "words", "x": "secret' + b"x" * 100_000 + b'"}'))
    assert len(caught.value.content) == 65_536
    assert "secret" not in str(caught.value) + repr(caught.value)
