"""Chats, members, mutes and join requests, through the genuine clients (contract 2.5, 2.7)."""

from __future__ import annotations

import pytest

from tests.contract.genuine.conftest import unique
from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import EPOCH, UUID

pytestmark = pytest.mark.peers

NOWHERE = "00000000-0000-4000-8000-000000000000"


def member(person, name, kind="external"):
    return {"id": person.id, "name": name, "type": kind, "avatar_url": None}


@pytest.mark.parametrize("method", ["chats.direct", "chats.ensure_direct"])
def test_a_direct_chat_is_made_once(owner, agent, method):
    first = owner(method, agent.id)
    assert first == {"id": UUID, "title": None, "status": "active", "created_at": EPOCH}
    assert owner(method, agent.id) == first
    assert agent("chats.create", [owner.id])["id"] == first["id"]


def test_a_group_has_whom_it_was_made_with(owner, agent, other):
    created = owner("chats.create", [agent.id, other.id, agent.id], title="Team")
    assert created == {"id": UUID, "title": "Team", "status": "active", "created_at": EPOCH}
    detail = agent("chats.get", created["id"])
    members = sorted(detail.pop("members"), key=lambda one: one["name"])
    assert members == [member(agent, "Agent"), member(other, "Other"), member(owner, "Owner", "human")]
    assert detail == {
        "id": created["id"],
        "type": "group",
        "title": "Team",
        "status": "active",
        "created_by_user_id": owner.id,
        "created_at": EPOCH,
    }


def test_the_list_tells_what_was_said_last_and_how_much_is_unread(owner, agent, chat):
    said = owner("messages.send", chat, "hello")
    (summary,) = agent("chats.list")
    members = sorted(summary.pop("members"), key=lambda one: one["name"])
    assert members == [member(agent, "Agent"), member(owner, "Owner", "human")]
    assert summary == {
        "id": chat,
        "title": "Owner",
        "status": "active",
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "avatar_url": None,
        "last_message": {
            "id": said["id"],
            "content": "hello",
            "sender_name": "Owner",
            "seq": 1,
            "created_at": said["created_at"],
        },
        "unread_count": 1,
    }


def test_nobody_has_no_chats(town):
    assert town.guest()("chats.list") == []


@pytest.mark.parametrize(
    ("others", "kind", "detail"),
    [
        (["me"], "auto", "Chat participant ids must not include the authenticated user"),
        (["nobody"], "direct", "Unknown chat participant id: nobody"),
        ([], "auto", "Chat must include at least one other participant"),
        ([], "direct", "Chat must include at least one other participant"),
        (["agent", "other"], "direct", "Use create_group_chat() for 3+ users"),
    ],
)
def test_impossible_chats_are_refused(owner, agent, other, others, kind, detail):
    ids = {"me": owner.id, "agent": agent.id, "other": other.id}
    asked = [ids.get(name, name) for name in others]
    assert owner.refused("chats.create", asked, kind=kind) == (400, detail)


def test_strangers_are_not_put_into_groups(town, owner):
    stranger = town.guest("Stranger")
    refusal = owner.refused("chats.create", [stranger.id], title="Trap", kind="group")
    assert refusal == (400, f"Active relationship required for group chat participant: {stranger.id}")


def test_a_kind_that_is_none_is_refused_before_it_is_sent(owner):
    with pytest.raises(Raised) as caught:
        owner("chats.create", ["anybody"], kind="crowd")
    assert caught.value.kind == "ValueError"


def test_members_are_added_by_the_owner(owner, agent, group, town):
    newcomer = town.external(town.guest("Stranger"), "newcomer")
    expected = {"chat_id": group, "user_id": newcomer.id, "state": "member"}
    assert owner("chats.add_member", group, newcomer.id) == expected
    assert owner("chats.add_member", group, newcomer.id) == expected
    assert agent.refused("chats.add_member", group, newcomer.id)[0] == 403
    nobody = unique("nobody")
    unknown = (400, f"Unknown chat participant id: {nobody}")
    assert agent.refused("chats.add_member", group, nobody) == unknown
    assert owner.refused("chats.add_member", NOWHERE, nobody) == unknown


def test_who_is_not_in_a_chat_does_not_see_it(town, chat):
    refusal = (403, "Not a participant of this chat")
    assert town.guest("Stranger").refused("chats.get", chat) == refusal


def test_a_chat_that_does_not_exist_is_not_found(owner):
    assert owner.refused("chats.get", NOWHERE) == (404, "Chat not found")


def test_ids_are_escaped_on_the_way(owner):
    assert owner.refused("chats.get", "c:1?ü #") == (404, "Chat not found")
