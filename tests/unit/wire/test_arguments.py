"""What no backend can take is told without asking one."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.sdk.calls import send_message
from mycel_runtime.wire.arguments import (
    require_mentions,
    require_page,
    require_place,
    require_sayable,
    require_storable,
)


@pytest.mark.parametrize("text", ["a\0b", "\0", "a\ud800", "\udfff b", "\ud83d \ude00", None, 5, b"x"])
def test_what_the_server_can_only_fail_at_is_refused_with_the_fix(text):
    with pytest.raises(ArgumentError) as caught:
        require_storable(text, "the text")

    assert caught.value.problem.startswith("the text ")
    assert caught.value.fix
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u2003"])
def test_a_blank_text_says_nothing(text):
    require_storable(text, "the text")
    with pytest.raises(ArgumentError, match="the text is blank"):
        require_sayable(text, "the text")


@pytest.mark.parametrize("text", ["x", " x ", "\U0001f600", "مرحبا", "\x01"])
def test_everything_else_may_be_said(text):
    require_sayable(text, "the text")


def test_an_error_never_quotes_the_text():
    with pytest.raises(ArgumentError) as caught:
        require_storable("secret\0secret", "the text")

    assert "secret" not in f"{caught.value}"
    assert "character 6" in f"{caught.value}"


@pytest.mark.parametrize("mentions", ["you", None, 5, ["a\0"], ["\ud800"], [5]])
def test_mentions_are_a_list_of_ids(mentions):
    with pytest.raises(ArgumentError):
        require_mentions(mentions)
    require_mentions(["you", "it"])


@pytest.mark.parametrize("limit", [0, -1, 201, 1.5, "5", True, None])
def test_a_page_holds_from_1_to_200_messages(limit):
    with pytest.raises(ArgumentError, match="from 1 to 200"):
        require_page(limit, "the limit")
    require_page(1, "the limit")
    require_page(200, "the limit")


@pytest.mark.parametrize("content", ["a\0", "\ud800"])
def test_the_sdk_sends_nothing_that_the_server_can_only_fail_at(content):
    with pytest.raises(ArgumentError):
        send_message("c", content)
    with pytest.raises(ArgumentError):
        send_message("c", "x", mentions=[content])


@pytest.mark.parametrize("seq", [0, -1, True, "5", 5.0, None, 10**20])
def test_q31_what_is_no_messages_number_is_refused_without_asking(seq):
    with pytest.raises(ArgumentError, match="before is no message's number"):
        require_place(seq, "before")


def test_a_messages_number_is_one():
    require_place(1, "before")
