"""Join requests and mutes, through the genuine clients (contract 2.5, 2.7, 4.8, 4.10)."""

from __future__ import annotations

import pytest

from tests.contract.genuine.shapes import EPOCH, TEXT

pytestmark = pytest.mark.peers

NOWHERE = "00000000-0000-4000-8000-000000000000"
NOT_OWNER = (403, "Only the chat owner can manage join requests")


@pytest.fixture
def stranger(town):
    return town.external(town.guest("Stranger"), "stranger")


def request_of(chat, person, state="pending", *, message=None, decided_by=None):
    return {
        "id": f"chat_join:{chat}:{person.id}",
        "chat_id": chat,
        "requester_user_id": person.id,
        "state": state,
        "message": message,
        "decided_by_user_id": decided_by.id if decided_by else None,
        "decided_at": EPOCH if decided_by else None,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "requester_name": "Stranger",
        "requester_type": "external",
    }


def target_of(chat, owner, *, is_member, current):
    return {
        "id": chat,
        "type": "group",
        "title": "Team",
        "status": "active",
        "created_by_user_id": owner.id,
        "is_member": is_member,
        "current_request": current,
    }


def test_a_target_shows_where_one_stands(owner, agent, stranger, group):
    assert agent("chats.join_target", group) == target_of(group, owner, is_member=True, current=None)
    assert stranger("chats.join_target", group) == target_of(group, owner, is_member=False, current=None)
    asked = stranger("chats.request_join", group)
    assert stranger("chats.join_target", group) == target_of(group, owner, is_member=False, current=asked)


@pytest.mark.parametrize("message", [None, "let me in"])
def test_a_request_waits_for_the_owner(owner, stranger, group, message):
    asked = stranger("chats.request_join", group, message=message)
    assert asked == request_of(group, stranger, message=message)
    assert owner("chats.list_join_requests", group) == [asked]


def test_a_request_is_a_message_of_a_non_member(owner, agent, stranger, group):
    stranger("chats.request_join", group, message="let me in")
    (said,) = agent("messages.unread", group)
    assert (said["sender_id"], said["message_type"]) == (stranger.id, "notification")
    assert said["mentioned_ids"] == [owner.id]
    assert stranger.id in said["content"]
    assert "let me in" in said["content"]


def test_the_approved_are_members_with_all_the_past_before_them(owner, stranger, group):
    """Q37."""
    owner("messages.send", group, "long ago")
    asked = stranger("chats.request_join", group)["id"]
    approved = owner("chats.approve_join", group, asked)
    assert approved == request_of(group, stranger, "approved", decided_by=owner)
    unread = stranger("messages.unread", group)
    assert unread[0]["content"] == "long ago"
    assert [message["message_type"] for message in unread] == ["human", "notification"]


def test_the_rejected_are_told_and_may_ask_again(owner, stranger, group):
    asked = stranger("chats.request_join", group, message="please")["id"]
    rejected = owner("chats.reject_join", group, asked)
    assert rejected == request_of(group, stranger, "rejected", message="please", decided_by=owner)
    (item,) = stranger("notifications.drain")["notifications"]
    assert item == {
        "seq": 1,
        "event_type": "chat.join.rejected",
        "notification_type": "chat_join",
        "sender_id": owner.id,
        "sender_name": "Owner",
        "summary": TEXT,
        "chat_join_request_id": asked,
        "chat_id": group,
        "state": "rejected",
        "source": "external",
    }
    again = stranger("chats.request_join", group)
    assert (again["id"], again["state"], again["message"]) == (asked, "pending", None)


def test_only_the_owner_decides(agent, stranger, group):
    asked = stranger("chats.request_join", group)["id"]
    assert agent.refused("chats.list_join_requests", group) == NOT_OWNER
    assert agent.refused("chats.approve_join", group, asked) == NOT_OWNER
    assert agent.refused("chats.reject_join", group, asked) == NOT_OWNER


def test_a_request_is_decided_once(owner, stranger, group):
    asked = stranger("chats.request_join", group)["id"]
    owner("chats.reject_join", group, asked)
    refusal = (409, "Chat join request is not pending")
    assert owner.refused("chats.approve_join", group, asked) == refusal


def test_a_request_nobody_made_is_not_found(owner, group):
    refusal = (404, "Chat join request not found")
    assert owner.refused("chats.approve_join", group, f"chat_join:{group}:nobody") == refusal


def test_members_need_not_ask(agent, group):
    refusal = (409, "Already a participant of this chat")
    assert agent.refused("chats.request_join", group) == refusal


def test_only_groups_are_joined(stranger, chat):
    refusal = (409, "Join requests are only supported for group chats")
    assert stranger.refused("chats.join_target", chat) == refusal
    assert stranger.refused("chats.request_join", chat) == refusal


def test_a_chat_that_does_not_exist_is_no_target(stranger):
    assert stranger.refused("chats.join_target", NOWHERE) == (404, "Chat not found")


def test_the_muted_are_not_woken_and_drain_all_the_same(owner, agent, chat):
    """Seen in the stream: of two agents only the other one is woken."""
    assert owner("chats.mute_member", chat, agent.id) == {"status": "ok", "muted": True}
    owner("messages.send", chat, "one")
    agent("notifications.drain")
    stream = agent.stream(since_seq=0)
    assert stream.next() is not None
    owner("messages.send", chat, "unheard")
    assert owner("chats.unmute_member", chat, agent.id) == {"status": "ok", "muted": False}
    owner("messages.send", chat, "heard")
    frame = stream.next()
    assert frame is not None
    assert frame["metadata"]["unread_count"] == 3


def test_one_mutes_oneself_and_ones_own_only(town, owner, agent, chat):
    assert agent("chats.mute_member", chat, agent.id) == {"status": "ok", "muted": True}
    stranger = town.guest("Stranger")
    refusal = (403, "User does not belong to you")
    assert stranger.refused("chats.mute_member", chat, agent.id) == refusal
    assert owner.refused("chats.mute_member", chat, "nobody") == (403, "User not found")


def test_a_mute_with_an_end_is_accepted(owner, agent, chat):
    """Q33: it never ends."""
    muted = owner("chats.mute_member", chat, agent.id, mute_until=1.5)
    assert muted == {"status": "ok", "muted": True}
