"""Workflows, their events, and tasks, through the genuine clients (contract 2.8)."""

from __future__ import annotations

import json

import pytest

from tests.contract.genuine.shapes import EPOCH, TEXT

pytestmark = pytest.mark.peers

NOWHERE = "00000000-0000-4000-8000-000000000000"
DELETED = {"status": "deleted"}

READS = [
    ("chats.get_workflow",),
    ("chats.list_workflow_events",),
    ("chats.get_workflow_event", "1"),
    ("chats.list_tasks",),
    ("chats.get_task", "1"),
]


def workflow(chat, person, **more):
    return {
        "chat_id": chat,
        "kind": "cel-group",
        "state": "active",
        "config": {},
        "state_version": 0,
        "updated_by_user_id": person.id,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        **more,
    }


def event(chat, person, **more):
    return {
        "chat_id": chat,
        "event_id": "1",
        "kind": "review",
        "state": "open",
        "resource_refs": [],
        "requested_by_user_id": person.id,
        "decision_states": {},
        "rationales": {},
        "final_state": {},
        "metadata": {},
        "state_version": 0,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "settled_at": None,
        **more,
    }


def task(**more):
    return {
        "id": "1",
        "subject": "Sweep",
        "description": "",
        "status": "pending",
        "activeForm": None,
        "owner": None,
        "blocks": [],
        "blockedBy": [],
        "metadata": {},
        **more,
    }


@pytest.mark.parametrize("read", READS)
def test_work_is_for_members(town, owner, group, read):
    method, *ids = read
    outsider = (403, "Not a participant of this chat")
    assert town.guest("Stranger").refused(method, group, *ids) == outsider
    assert owner.refused(method, NOWHERE, *ids) == (404, "Chat not found")


def test_a_workflow_is_versioned_from_zero(owner, agent, group):
    assert owner.refused("chats.get_workflow", group) == (404, "Chat workflow not found")
    first = owner("chats.set_workflow", group, kind="cel-group", config={"aliases": {"a": [1, None]}})
    assert first == workflow(group, owner, config={"aliases": {"a": [1, None]}})
    second = agent("chats.set_workflow", group, kind="cel-group", state="stopped")
    assert second == workflow(group, agent, state="stopped", state_version=1)
    assert owner("chats.get_workflow", group) == second


def test_a_workflow_is_deleted_however_often(owner, group):
    owner("chats.set_workflow", group, kind="cel-group")
    assert [owner("chats.delete_workflow", group) for _ in range(2)] == [DELETED, DELETED]


def test_a_stale_workflow_is_not_written(newest_town):
    owner = newest_town.guest()
    group = newest_town.chat(owner, title="Alone", kind="group")
    stale = {"error": "stale_chat_workflow_state_version", "chat_id": group}
    for expected, actual in ((3, None), (1, 0)):
        if actual is not None:
            owner("chats.set_workflow", group, kind="k")
        status, detail = owner.refused("chats.set_workflow", group, kind="k", expected_state_version=expected)
        assert status == 409
        assert json.loads(detail or "") == {
            **stale,
            "expected_state_version": expected,
            "actual_state_version": actual,
        }
    assert owner("chats.set_workflow", group, kind="k", expected_state_version=0)["state_version"] == 1


def test_an_event_is_made_changed_and_deleted(owner, agent, group):
    created = owner("chats.create_workflow_event", group, kind="review", requested_by_user_id=owner.id)
    assert created == event(group, owner, updated_at=None)
    changed = agent(
        "chats.update_workflow_event",
        group,
        "1",
        state="settled",
        decision_states={agent.id: {"verdict": "yes"}},
        rationales={agent.id: "fine"},
        final_state={"verdict": "yes"},
        metadata={"round": 2},
        settled_at=12.5,
    )
    assert changed == event(
        group,
        owner,
        state="settled",
        decision_states={agent.id: {"verdict": "yes"}},
        rationales={agent.id: "fine"},
        final_state={"verdict": "yes"},
        metadata={"round": 2},
        settled_at=12.5,
        state_version=1,
    )
    assert owner("chats.get_workflow_event", group, "1") == changed
    assert owner("chats.list_workflow_events", group) == [changed]
    assert owner("chats.delete_workflow_event", group, "1") == DELETED
    assert owner.refused("chats.get_workflow_event", group, "1") == (404, "Chat workflow event not found")
    assert owner.refused("chats.update_workflow_event", group, "1", state="x")[0] == 404


def test_an_event_carries_what_it_is_about(owner, agent, group):
    about = {
        "resource_refs": [{"kind": "task", "id": "1"}],
        "decision_states": {agent.id: {"verdict": "open"}},
        "rationales": {agent.id: "not yet"},
        "final_state": {"verdict": None},
        "metadata": {"m": 1},
    }
    created = owner(
        "chats.create_workflow_event", group, kind="review", requested_by_user_id=owner.id, **about
    )
    assert created == event(group, owner, updated_at=None, **about)


def test_without_an_actor_an_event_is_the_caller_s(owner, group):
    """U4: as `cel` asks."""
    created = owner("chats.create_workflow_event", group, kind="review")
    assert created == event(group, owner, updated_at=None)


def test_an_event_reaches_every_external_member_but_the_actor(owner, agent, other, group):
    agent("chats.create_workflow_event", group, kind="review", requested_by_user_id=agent.id)
    agent("chats.update_workflow_event", group, "1", state="settled")
    assert agent("notifications.drain")["notifications"] == []
    items = other("notifications.drain")["notifications"]
    about = {
        "event_type": "chat.workflow.event",
        "notification_type": "workflow_event",
        "sender_id": agent.id,
        "sender_name": "Agent",
        "summary": TEXT,
        "chat_id": group,
        "event_id": "1",
        "kind": "review",
        "actor_user_id": agent.id,
        "resource_refs": [],
        "correlation_id": f"workflow:{group}:1",
        "source": "external",
    }
    assert items == [
        {
            "seq": number + 1,
            **about,
            "operation": operation,
            "state": state,
            "state_version": number,
            "delivery_id": f"workflow:{group}:1:{number}",
            "idempotency_key": f"workflow:{group}:1:{number}",
        }
        for number, (operation, state) in enumerate([("created", "open"), ("updated", "settled")])
    ]


def test_what_is_null_stays_as_it_is(owner, agent, group):
    owner("chats.create_workflow_event", group, kind="review", metadata={"m": 1})
    kept = owner("chats.update_workflow_event", group, "1", state=None, metadata=None, settled_at=None)
    assert (kept["state"], kept["metadata"]) == ("open", {"m": 1})
    owner("chats.create_task", group, subject="Sweep", owner=agent.id)
    assert owner("chats.update_task", group, "1", owner=None, status=None) == task(owner=agent.id)


def test_nobody_owns_no_task_and_asks_for_no_event(owner, group):
    """Neither clients can tell it from any other failure; nothing is stored."""
    failure = (500, "Internal Server Error")
    assert owner.refused("chats.create_task", group, subject="Sweep", owner="nobody") == failure
    by_nobody = {"kind": "review", "requested_by_user_id": "nobody"}
    assert owner.refused("chats.create_workflow_event", group, **by_nobody) == failure
    assert (owner("chats.list_tasks", group), owner("chats.list_workflow_events", group)) == ([], [])


def test_a_stale_event_is_not_written(newest_town):
    owner = newest_town.guest()
    group = newest_town.chat(owner, title="Alone", kind="group")
    owner("chats.create_workflow_event", group, kind="k")
    status, detail = owner.refused(
        "chats.update_workflow_event", group, "1", state="s", expected_state_version=4
    )
    assert status == 409
    assert json.loads(detail or "") == {
        "error": "stale_chat_workflow_event_state_version",
        "chat_id": group,
        "event_id": "1",
        "expected_state_version": 4,
        "actual_state_version": 0,
    }
    written = owner("chats.update_workflow_event", group, "1", state="s", expected_state_version=0)
    assert (written["state"], written["state_version"]) == ("s", 1)


def test_a_task_is_made_changed_and_deleted(owner, agent, group):
    assert owner("chats.list_tasks", group) == []
    assert owner("chats.create_task", group, subject="Sweep") == task()
    changed = agent(
        "chats.update_task",
        group,
        "1",
        status="doing",
        subject="Mop",
        description="wet",
        active_form="mopping",
        owner=agent.id,
        blocks=["2"],
        blocked_by=["3"],
        metadata={"m": 1},
    )
    assert changed == task(
        status="doing",
        subject="Mop",
        description="wet",
        activeForm="mopping",
        owner=agent.id,
        blocks=["2"],
        blockedBy=["3"],
        metadata={"m": 1},
    )
    assert owner("chats.get_task", group, "1") == changed
    assert owner("chats.list_tasks", group) == [changed]
    assert owner("chats.delete_task", group, "1") == DELETED
    assert owner.refused("chats.get_task", group, "1") == (404, "Chat task not found")
    assert owner.refused("chats.update_task", group, "1", status="x") == (404, "Chat task not found")


def test_tasks_are_numbered_per_chat_and_sorted_as_text(owner, group, chat):
    for number in range(1, 11):
        assert owner("chats.create_task", group, subject="s")["id"] == str(number)
    assert [task["id"] for task in owner("chats.list_tasks", group)][:3] == ["1", "10", "2"]
    assert owner("chats.create_task", chat, subject="s")["id"] == "1"
    owner("chats.delete_task", group, "10")
    assert owner("chats.create_task", group, subject="again")["id"] == "10"
