"""The owner's side of a conversation, on a real backend."""

from __future__ import annotations

import pytest

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.cli.conversation import Conversation
from mycel_runtime.sdk import Client

DEADLINE = 20.0


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
