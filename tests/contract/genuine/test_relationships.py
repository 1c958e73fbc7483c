"""Relationships, through the genuine clients (contract 2.9, 4.11)."""

from __future__ import annotations

import pytest

from tests.contract.genuine.shapes import ISO, TEXT

pytestmark = pytest.mark.peers


def id_of(one, two):
    low, high = sorted([one.id, two.id])
    return f"hire_visit:{low}:{high}"


def seen(one, two, state, *, is_requester=False, message=None):
    """The relationship as `one` is shown it."""
    return {
        "id": id_of(one, two),
        "other_user_id": two.id,
        "state": state,
        "is_requester": is_requester,
        "message": message,
        "created_at": ISO,
        "updated_at": ISO,
    }


@pytest.fixture
def stranger(town):
    return town.external(town.guest("Stranger"), "stranger")


def test_nobody_knows_anybody(stranger):
    assert stranger("relationships.list") == []


@pytest.mark.parametrize("message", [None, "may I?"])
def test_a_request_is_pending_for_both(agent, stranger, message):
    requested = agent("relationships.request", stranger.id, message)
    assert requested == seen(agent, stranger, "pending", is_requester=True, message=message)
    assert agent("relationships.list") == [requested]
    assert stranger("relationships.list") == [seen(stranger, agent, "pending", message=message)]


def test_a_request_reaches_the_inbox_of_an_external_target(agent, stranger):
    agent("relationships.request", stranger.id, "may I?")
    (item,) = stranger("notifications.drain")["notifications"]
    assert item == {
        "seq": 1,
        "event_type": "relationship.requested",
        "notification_type": "relationship",
        "sender_id": agent.id,
        "sender_name": "Agent",
        "summary": TEXT,
        "relationship_id": id_of(agent, stranger),
        "source": "external",
    }
    assert "may I?" in item["summary"]


@pytest.mark.parametrize(("verb", "state"), [("approve", "visit"), ("reject", "none")])
def test_the_initiator_is_told_the_decision(agent, stranger, verb, state):
    asked = agent("relationships.request", stranger.id)
    assert stranger(f"relationships.{verb}", asked["id"]) == seen(stranger, agent, state)
    (item,) = agent("notifications.drain")["notifications"]
    assert item == {
        "seq": 1,
        "event_type": f"relationship.{verb}d" if verb == "approve" else "relationship.rejected",
        "notification_type": "relationship",
        "event": verb,
        "state": state,
        "sender_id": stranger.id,
        "sender_name": "Stranger",
        "summary": TEXT,
        "relationship_id": asked["id"],
        "source": "external",
    }


def test_a_relationship_grows_shrinks_and_ends(agent, stranger):
    asked = agent("relationships.request", stranger.id)["id"]
    stranger("relationships.approve", asked)
    assert agent("relationships.upgrade", asked) == seen(agent, stranger, "hire")
    assert stranger("relationships.downgrade", asked) == seen(stranger, agent, "visit")
    assert agent("relationships.revoke", asked) == seen(agent, stranger, "none")
    assert stranger("relationships.list") == []
    assert agent.refused("relationships.upgrade", asked) == (404, "Relationship not found")


def test_a_relationship_opens_groups(agent, stranger, owner):
    asked = agent("relationships.request", stranger.id)["id"]
    stranger("relationships.approve", asked)
    chat = agent("chats.create", [stranger.id, owner.id], title="Three", kind="group")
    assert len(agent("chats.get", chat["id"])["members"]) == 3


def test_nobody_requests_himself(agent):
    refusal = (400, "Cannot request relationship with yourself")
    assert agent.refused("relationships.request", agent.id) == refusal


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_the_initiator_does_not_decide(agent, stranger, verb):
    asked = agent("relationships.request", stranger.id)["id"]
    assert agent.refused(f"relationships.{verb}", asked) == (409, f"Cannot {verb} your own request")


def test_a_request_is_made_once(agent, stranger):
    agent("relationships.request", stranger.id)
    for one, two, is_initiator in ((agent, stranger, True), (stranger, agent, False)):
        detail = f"Invalid transition: state='pending' event='request' requester_is_initiator={is_initiator}"
        assert one.refused("relationships.request", two.id) == (409, detail)


def test_what_is_not_pending_cannot_be_upgraded_yet(agent, stranger):
    asked = agent("relationships.request", stranger.id)["id"]
    detail = "Invalid transition: state='pending' event='upgrade' requester_is_initiator=True"
    assert agent.refused("relationships.upgrade", asked) == (409, detail)


def test_third_parties_have_no_say(agent, stranger, other):
    asked = agent("relationships.request", stranger.id)["id"]
    refusal = (403, "Not a party of this relationship")
    assert other.refused("relationships.approve", asked) == refusal


def test_a_relationship_that_does_not_exist_is_not_found(agent):
    refusal = (404, "Relationship not found")
    assert agent.refused("relationships.revoke", "hire_visit:a:b") == refusal


def test_a_request_to_nobody_is_stored_and_fails(agent):
    """Q39."""
    assert agent.refused("relationships.request", "zz-nobody")[0] == 500
    assert [one["other_user_id"] for one in agent("relationships.list")] == ["zz-nobody"]
    assert agent.refused("relationships.request", "zz-nobody")[0] == 409
