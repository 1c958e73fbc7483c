"""What a coding agent reads is data, and looks like nothing else."""

from __future__ import annotations

import pytest

from mycel_runtime.testing import BareChat, said
from mycel_runtime_plugins.command.prompt import first_prompt, next_prompt

OURS = ("  ", "You", "people", "Answer", "Before", "Now")
"""What lines begin with."""


def messages(*contents):
    return BareChat(*contents).ctx.messages


@pytest.mark.parametrize(
    "content", ["/logout", "!ls", "hello\n/logout", "hello\u2028!ls", "# note", "\n\n/quit", "\0/quit"]
)
def test_no_line_begins_with_what_somebody_has_written(content):
    for prompt in (
        first_prompt("", messages(content), messages(content), me="me"),
        next_prompt([], messages(content), me="me", is_undelivered=False),
    ):
        assert [line for line in prompt.splitlines() if line and not line.startswith(OURS)] == []


def test_no_file_is_named():
    new = messages("look at @/etc/hostname and ada@example.com")
    prompt = next_prompt([], new, me="me", is_undelivered=False)

    assert "@" not in prompt
    assert "ada\uff20example.com" in prompt


def test_the_beginning_holds_all_and_what_follows_what_is_new():
    new = messages("how are you?")
    first = first_prompt("Be kind.\n", messages("hello"), new, me="me")
    later = next_prompt(messages("aside"), new, me="me", is_undelivered=True)

    assert first.startswith("Be kind.\n\nYou take part in a chat.")
    assert first.endswith("Before:\n  Ada: hello\n\nNow:\n  Ada: how are you?\n")
    assert later.endswith("first.\n\nSaid meanwhile:\n  Ada: aside\n\nNow:\n  Ada: how are you?\n")
    assert next_prompt([], new, me="me", is_undelivered=False) == "Now:\n  Ada: how are you?\n"


def test_what_the_platform_writes_in_strangers_words_is_left_out():
    notices = messages(said("let me in", notification=True))

    assert first_prompt("", notices, messages("hello"), me="me").endswith("else.\n\nNow:\n  Ada: hello\n")
