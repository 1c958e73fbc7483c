"""What the server says, in one line, and never a message."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.errors import ApiError, BadRequestError, ServerError, TransportError, ValidationError
from mycel_runtime.speech.server_detail import forget_words, reason_of, server_detail

SECRET = "the text of a message"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadRequestError(400, "Content cannot be empty"), "BadRequestError 400: Content cannot be empty"),
        (ServerError(500, "Internal Server Error"), "ServerError 500: Internal Server Error"),
        (
            ServerError(502, "<html><head><title>502 Bad Gateway</title>"),
            "ServerError 502: a page titled '502 Bad Gateway'",
        ),
        (
            ServerError(500, json.dumps({"error": "relationship_action_failed", "cause": SECRET})),
            "ServerError 500: relationship_action_failed",
        ),
        (ServerError(500, json.dumps([SECRET])), "ServerError 500"),
        (ServerError(500, "{" + SECRET), "ServerError 500"),
        (ServerError(500, f"<p>{SECRET}</p>"), "ServerError 500"),
        (TransportError("ReadTimeout"), "TransportError: ReadTimeout"),
        (ServerError(500, ""), "ServerError 500"),
    ],
)
def test_a_reason_keeps_the_servers_words_and_no_more(error, reason):
    assert reason_of(error) == reason


def test_of_a_refused_body_only_where_and_why():
    error = ValidationError(422, "x")
    error.errors = [
        {"loc": ["body", "content"], "msg": "too long", "input": SECRET, "type": "t"},
        {"msg": "bad"},
    ]

    assert server_detail(error) == "body.content: too long; bad"


def test_a_detail_is_one_short_line_without_control_characters():
    detail = server_detail(ApiError(418, "a\x1b[31m\r\nb\u2028c\x00" + "d" * 500))

    assert detail.startswith("a [31m b c ddd")
    assert len(detail) == 200
    assert detail.isprintable()


@pytest.mark.parametrize("words", [SECRET, "no", f"long {SECRET} indeed", "the text\nof a message"])
def test_what_repeats_the_message_is_not_told(words):
    error = ServerError(500, "cannot store 'the text of a message', no", SECRET.encode())

    forget_words(error, words)

    assert reason_of(error) == "ServerError 500: the answer repeats the message"
    assert SECRET not in f"{error} {error.content!r}"


def test_what_does_not_repeat_it_is():
    error = ServerError(500, "Internal Server Error")

    forget_words(error, SECRET)

    assert reason_of(error) == "ServerError 500: Internal Server Error"
