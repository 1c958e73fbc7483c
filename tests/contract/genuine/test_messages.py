"""Messages and cursors, through the genuine clients (contract 2.6, 3.3, 4)."""

from __future__ import annotations

import pytest

from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import EPOCH, UUID

pytestmark = pytest.mark.peers

OUTSIDER = (403, "Not a participant of this chat")
NOT_CAUGHT_UP = (409, "Read unread messages before sending.")


def seqs(messages):
    return [message["seq"] for message in messages]


def test_a_message_comes_back_as_it_was_stored(owner, agent, chat):
    said = owner("messages.send", chat, 'Grüße "\n\u2028\U0001f344', mentions=[agent.id], reply_to="m1")
    assert said == {
        "id": UUID,
        "chat_id": chat,
        "sender_id": owner.id,
        "sender_name": "Owner",
        "content": 'Grüße "\n\u2028\U0001f344',
        "message_type": "human",
        "mentioned_ids": [agent.id],
        "delivery_scope": "broadcast",
        "addressed_to_user_ids": [],
        "seq": 1,
        "signal": None,
        "retracted_at": None,
        "created_at": EPOCH,
    }
    assert agent("messages.list", chat) == [said]


def test_an_addressed_message_is_unread_for_the_addressed_alone(owner, agent, other, group):
    ids = [agent.id, owner.id, agent.id]
    said = owner("messages.send", group, "psst", delivery_scope="addressed", addressed_to_user_ids=ids)
    assert (said["delivery_scope"], said["addressed_to_user_ids"]) == ("addressed", [agent.id])
    assert agent("messages.unread", group) == [said]
    assert other("messages.unread", group) == []
    assert other("messages.list", group) == [said]


@pytest.mark.parametrize(
    ("scope", "to", "detail"),
    [
        ("broadcast", ["agent"], "broadcast messages must not include addressed_to_user_ids"),
        ("addressed", [], "addressed messages require at least one recipient other than the sender"),
        ("addressed", ["me"], "addressed messages require at least one recipient other than the sender"),
        ("addressed", ["nobody"], "Addressed recipient is not a chat member: nobody"),
    ],
)
def test_a_scope_that_does_not_fit_is_refused(owner, agent, chat, scope, to, detail):
    to = [{"me": owner.id, "agent": agent.id}.get(name, name) for name in to]
    refusal = owner.refused("messages.send", chat, "hi", delivery_scope=scope, addressed_to_user_ids=to)
    assert refusal == (400, detail)


def test_a_scope_that_is_none_is_refused_before_it_is_sent(owner, chat):
    with pytest.raises(Raised) as caught:
        owner("messages.send", chat, "hi", delivery_scope="whisper")
    assert caught.value.kind == "ValueError"


@pytest.mark.parametrize("content", ["", " \n"])
def test_silence_is_not_sent(owner, chat, content):
    assert owner.refused("messages.send", chat, content) == (400, "Content cannot be empty")


@pytest.mark.parametrize("method", ["messages.list", "messages.unread", "messages.read"])
def test_history_is_for_members(town, chat, method):
    assert town.guest("Stranger").refused(method, chat) == OUTSIDER


def test_speech_is_for_members(town, chat):
    assert town.guest("Stranger").refused("messages.send", chat, "hi") == OUTSIDER


def test_of_an_unknown_chat_one_is_no_member(owner):
    assert owner.refused("messages.list", "unknown") == OUTSIDER


def test_who_has_not_read_may_not_speak(owner, agent, chat):
    owner("messages.send", chat, "one")
    assert agent.refused("messages.send", chat, "two") == NOT_CAUGHT_UP
    assert seqs(agent("messages.read", chat)) == [1]
    assert agent("messages.unread", chat) == []
    assert agent("messages.send", chat, "two")["seq"] == 2


def test_who_does_not_ask_for_the_rule_may_speak_out_of_turn(owner, agent, chat):
    owner("messages.send", chat, "one")
    assert agent("messages.send", chat, "two", enforce_caught_up=False)["seq"] == 2
    assert seqs(agent("messages.unread", chat)) == [1]


def test_own_messages_never_block_their_sender(owner, chat):
    assert seqs([owner("messages.send", chat, "one"), owner("messages.send", chat, "two")]) == [1, 2]


def test_0_1_45_marks_a_chat_as_read(town_of_0_1_45):
    owner = town_of_0_1_45.guest()
    agent = town_of_0_1_45.external(owner)
    chat = town_of_0_1_45.chat(owner, agent)
    owner("messages.send", chat, "one")
    assert agent("messages.mark_read", chat) == {"status": "ok"}
    assert agent("messages.unread", chat) == []


def test_0_1_83_cannot_mark_a_chat_as_read(newest_town):
    """Its own bug (Q-C1): nothing reaches the wire."""
    owner = newest_town.guest()
    agent = newest_town.external(owner)
    chat = newest_town.chat(owner, agent)
    owner("messages.send", chat, "one")
    with pytest.raises(Raised) as caught:
        agent("messages.mark_read", chat, 1)
    assert caught.value.kind == "AttributeError"
    assert seqs(agent("messages.unread", chat)) == [1]


def test_pages_go_backwards_and_are_ascending(owner, chat):
    for number in range(1, 6):
        owner("messages.send", chat, str(number))
    assert seqs(owner("messages.list", chat, limit=2)) == [4, 5]
    assert seqs(owner("messages.list", chat, limit=2, before="4")) == [2, 3]
    assert seqs(owner("messages.list", chat, limit=2, before="1")) == []
    assert seqs(owner("messages.list_all", chat, page_size=2)) == [1, 2, 3, 4, 5]
    assert seqs(owner("messages.list_all", chat, page_size=2, max_messages=3)) == [3, 4, 5]
    assert seqs(owner("messages.list_all", chat, page_size=2, before="3")) == [1, 2]


@pytest.mark.parametrize("limit", [0, 201])
def test_a_page_has_1_to_200_messages(owner, chat, limit):
    status, detail = owner.refused("messages.list", chat, limit=limit)
    assert status == 422
    assert '"limit"' in detail


def test_a_cursor_that_is_no_number_is_a_server_error(owner, chat):
    """Q31."""
    assert owner.refused("messages.list", chat, before="yesterday") == (500, "Internal Server Error")


def test_what_the_database_does_not_take_is_a_500_and_a_hole(owner, agent, chat):
    """Half a surrogate pair is one more, but no genuine client can send it."""
    assert owner.refused("messages.send", chat, "a\0b") == (500, "Internal Server Error")
    assert owner("messages.send", chat, "plain")["seq"] == 2
    assert [message["seq"] for message in agent("messages.list", chat)] == [2]
