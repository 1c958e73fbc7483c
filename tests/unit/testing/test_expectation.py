"""Texts, patterns and functions as what is expected."""

from __future__ import annotations

import re

import pytest

from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.testing.chat import Chat
from mycel_runtime.testing.expectation import described, is_met


def said(content, seq=1):
    api = {
        "id": "m",
        "chat_id": "c",
        "seq": seq,
        "sender_id": "ada",
        "sender_name": "Ada",
        "content": content,
        "message_type": "human",
    }
    return message_from_api(api, me="me", sender_type="human")


def loud(message):
    return message.content.isupper()


@pytest.mark.parametrize(
    ("expected", "content", "is_it"),
    [
        (None, "anything", True),
        ("hello", "hello", True),
        ("hello", "hello!", False),
        (re.compile("el+o"), "hello!", True),
        (re.compile("^ello"), "hello!", False),
        (loud, "HELLO", True),
        (loud, "hello", False),
    ],
)
def test_text_is_the_whole_one_and_a_pattern_is_looked_for(expected, content, is_it):
    assert is_met(expected, said(content)) is is_it


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (None, "anything"),
        ("hello", "'hello'"),
        (re.compile("el+o"), "a match of 'el+o'"),
        (loud, "a message for which loud holds"),
    ],
)
def test_expectation_is_told_to_a_person(expected, text):
    assert described(expected) == text


def test_conversation_reads_as_a_text():
    chat = Chat("c", "Ada and echo")

    assert chat.transcript([said("hello"), said("two\nlines", seq=12)]) == (
        "Ada and echo:\n    1 Ada: hello\n   12 Ada: two\n           lines"
    )
    assert chat.transcript([]) == "Ada and echo:\n  (nobody has said anything)"
