"""The owner's side of a conversation, on a real backend."""

from __future__ import annotations

import click
import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.cli.conversation import Conversation, require_sayable
from mycel_runtime.sdk import Client

DEADLINE = 60.0


@pytest.fixture
def backend():
    with LocalBackend(BackendOptions()) as backend:
        yield backend


def test_q35_an_owner_whom_nobody_wakes_hears_by_asking(backend):
    with Client(base_url=backend.base_url) as nobody:
        made = nobody.auth.create_guest_owner("owner")
    with Client(base_url=backend.base_url, auth_token=made["token"]) as owner:
        token = owner.auth.create_external_user("agent", "Agent")["token"]
        conversation = Conversation(owner, owner.chats.ensure_direct("agent")["id"], made["user"]["id"])
        said = conversation.say("hello")
        with Client(base_url=backend.base_url, auth_token=token) as agent:
            agent.messages.send(conversation.chat_id, "hi", enforce_caught_up=False)

        answer = next(conversation.heard_after(said["seq"], seconds=DEADLINE))

    assert answer["content"] == "hi"
    (inbox,) = (each for each in backend.ask("inboxes") if each["user_id"] == conversation.me)
    assert (inbox["queued"], inbox["is_listening"]) == (0, False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  ", "the text is blank"),
        ("a\udcffb", "not UTF-8, at character 2"),
        ("a\x1b[A", "a control character, U\\+001B, at 2"),
        ("\0", "a control character, U\\+0000, at 1"),
        ("\x9b", "a control character, U\\+009B, at 1"),
    ],
)
def test_what_cannot_be_said_is_told_before_anybody_is_asked(text, problem):
    with pytest.raises(click.UsageError, match=problem):
        require_sayable(text)


def test_lines_and_other_scripts_can_be_said():
    require_sayable("two\r\nlines\tand 你好 🙂")
