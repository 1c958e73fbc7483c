"""
The contract's tables, row by row: what each endpoint answers, to whom, and how it refuses.

A row is one request in a small town; its number is the section of the contract that says so.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest

TIME, TEXT, NUMBER = float, str, int


@dataclass(frozen=True)
class Row:
    """Who asks what, and what comes of it; `{name}` in paths and bodies stands for an id of the town."""

    section: str
    who: str
    method: str
    path: str
    body: Any = None
    status: int = 200
    shape: Any = None
    detail: Any = None

    def __str__(self):
        return (
            f"{self.section} {self.who} {self.method} {self.path} {self.status} {self.detail or ''}".strip()
        )


MESSAGE = {
    "id": TEXT,
    "chat_id": TEXT,
    "sender_id": TEXT,
    "sender_name": TEXT,
    "content": TEXT,
    "message_type": TEXT,
    "mentioned_ids": list,
    "delivery_scope": TEXT,
    "addressed_to_user_ids": list,
    "seq": NUMBER,
    "signal": None,
    "retracted_at": None,
    "created_at": TIME,
}
MEMBER = {"id": TEXT, "name": TEXT, "type": TEXT, "avatar_url": None}
SUMMARY = {
    "id": TEXT,
    "title": TEXT,
    "status": "active",
    "created_at": TIME,
    "updated_at": TIME,
    "avatar_url": None,
    "members": [MEMBER],
    "last_message": None,
    "unread_count": NUMBER,
}
DETAIL = {
    "id": TEXT,
    "type": TEXT,
    "title": None,
    "status": "active",
    "created_by_user_id": TEXT,
    "created_at": TIME,
    "members": [MEMBER],
}
RELATIONSHIP = {
    "id": TEXT,
    "other_user_id": TEXT,
    "state": TEXT,
    "is_requester": bool,
    "message": None,
    "created_at": TEXT,
    "updated_at": TEXT,
}
JOIN_REQUEST = {
    "id": TEXT,
    "chat_id": TEXT,
    "requester_user_id": TEXT,
    "state": TEXT,
    "message": None,
    "decided_by_user_id": None,
    "decided_at": None,
    "created_at": TIME,
    "updated_at": TIME,
    "requester_name": TEXT,
    "requester_type": TEXT,
}
WORKFLOW = {
    "chat_id": TEXT,
    "kind": TEXT,
    "state": TEXT,
    "config": dict,
    "state_version": NUMBER,
    "updated_by_user_id": TEXT,
    "created_at": TIME,
    "updated_at": TIME,
}
EVENT = {
    "chat_id": TEXT,
    "event_id": "1",
    "kind": TEXT,
    "state": TEXT,
    "resource_refs": list,
    "requested_by_user_id": TEXT,
    "decision_states": dict,
    "rationales": dict,
    "final_state": dict,
    "metadata": dict,
    "state_version": NUMBER,
    "created_at": TIME,
    "updated_at": TIME,
    "settled_at": None,
}
TASK = {
    "id": "1",
    "subject": TEXT,
    "description": TEXT,
    "status": TEXT,
    "activeForm": None,
    "owner": None,
    "blocks": list,
    "blockedBy": list,
    "metadata": dict,
}
AGENT = {
    "id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "model": None,
    "status": "draft",
    "version": "1.0.0",
    "avatar_url": None,
    "created_at": 0,
    "updated_at": 0,
}
LOGIN_USER = {"id": TEXT, "name": TEXT, "mycel_id": NUMBER, "email": TEXT, "avatar": None}
OK = {"status": "ok"}
NO_TOKEN = "Missing or invalid Authorization header"
OUTSIDER = "Not a participant of this chat"
SEND = "/api/chats/{direct}/messages"
SECRET = {"identifier": "ada@example.org", "password": "secret"}

ROWS = [
    # 1.2 and 1.7: who is asked for
    Row("1.2", "nobody", "GET", "/api/auth/me", status=401, detail=NO_TOKEN),
    Row(
        "1.2", "forger", "GET", "/api/auth/me", status=401, detail="Token 无效: Signature verification failed"
    ),
    Row("1.2", "garbler", "GET", "/api/auth/me", status=401, detail="Token 无效: Not enough segments"),
    Row("1.4", "nobody", "GET", "/api/nowhere", status=404, detail="Not Found"),
    Row("1.4", "nobody", "PUT", "/api/chats", {}, status=405, detail="Method Not Allowed"),
    Row("1.7", "nobody", "POST", SEND, {}, status=401, detail=NO_TOKEN),
    Row("1.7", "agent", "GET", "/api/chats/unknown/messages", status=403, detail=OUTSIDER),
    Row("1.7", "agent", "GET", "/api/chats/unknown", status=404, detail="Chat not found"),
    Row("1.7", "stranger", "GET", "/api/chats/{direct}", status=403, detail=OUTSIDER),
    Row("1.7", "agent", "GET", "/api/chats/unknown/tasks", status=404, detail="Chat not found"),
    Row("1.7", "stranger", "GET", "/api/chats/{group}/tasks/1", status=403, detail=OUTSIDER),
    # 2.1 auth
    Row(
        "2.1",
        "nobody",
        "POST",
        "/api/auth/login",
        SECRET,
        shape={"token": TEXT, "user": LOGIN_USER, "agent": None},
    ),
    Row("2.1", "nobody", "POST", "/api/auth/login", SECRET | {"password": "x"}, 401, detail="邮箱或密码错误"),
    Row("2.1", "nobody", "POST", "/api/auth/login", SECRET | {"identifier": "99"}, 401, detail="用户不存在"),
    Row(
        "2.1",
        "nobody",
        "POST",
        "/api/auth/guest",
        {"display_name": None},
        shape={
            "token": TEXT,
            "user": {
                "id": TEXT,
                "name": "Guest",
                "type": "human",
                "is_guest": True,
                "email": None,
                "mycel_id": None,
                "avatar": None,
            },
        },
    ),
    Row(
        "2.1",
        "owner",
        "POST",
        "/api/auth/external-users",
        {"user_id": " new ", "display_name": "New"},
        shape={
            "token": TEXT,
            "user": {"id": "new", "name": "New", "type": "external", "created_by_user_id": TEXT},
        },
    ),
    Row(
        "2.1",
        "owner",
        "POST",
        "/api/auth/external-users",
        {"user_id": "agent", "display_name": "A"},
        409,
        detail="external user already exists: agent",
    ),
    Row(
        "10.5",
        "owner",
        "POST",
        "/api/auth/external-users",
        {"user_id": " ", "display_name": "A"},
        400,
        detail="external user_id is required",
    ),
    Row(
        "10.5",
        "owner",
        "POST",
        "/api/auth/external-users",
        {"user_id": "x", "display_name": " "},
        400,
        detail="external display_name is required",
    ),
    Row("10.2", "agent", "POST", "/api/auth/external-users", {"user_id": 1}, 403),
    Row("10.2", "owner", "POST", "/api/auth/external-users", {"user_id": 1}, 422),
    Row("10.2", "nobody", "POST", "/api/auth/external-users", {"user_id": 1}, 401),
    Row(
        "2.1",
        "agent",
        "POST",
        "/api/auth/external-users",
        {"user_id": "x", "display_name": "X"},
        403,
        detail="Capability required: create_external_user",
    ),
    Row(
        "2.1",
        "agent",
        "GET",
        "/api/auth/me",
        shape={
            "id": "agent",
            "name": "Agent",
            "type": "external",
            "email": None,
            "mycel_id": None,
            "is_guest": False,
            "avatar": None,
        },
    ),
    # 2.3 managed agents, 2.4 threads
    Row("2.3", "agent", "GET", "/api/panel/agents", shape={"items": []}),
    Row("2.3", "ada", "POST", "/api/panel/agents", {"name": "Toad"}, shape=AGENT | {"config": dict}),
    Row(
        "2.3",
        "owner",
        "POST",
        "/api/panel/agents",
        {"name": "Toad"},
        403,
        detail="Capability required: create_managed_agent",
    ),
    Row("10", "agent", "POST", "/api/panel/agents", {"name": 1}, 403),
    Row("10", "ada", "POST", "/api/panel/agents", {"name": 1}, 422),
    Row("2.4", "ada", "POST", "/api/threads", {"agent_user_id": "unknown"}, 403, detail="Not authorized"),
    Row("2.4", "ada", "POST", "/api/threads", {"agent_user_id": "x", "color": "red"}, 422),
    # 2.5 chats
    Row("2.5", "agent", "GET", "/api/chats", shape=[SUMMARY, SUMMARY]),
    Row("2.5", "agent", "GET", "/api/chats/{direct}", shape=DETAIL | {"type": "direct"}),
    Row("2.5", "owner", "GET", "/api/chats/{group}", shape=DETAIL | {"title": "Team", "type": "group"}),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {"user_ids": ["agent"], "title": "ignored", "kind": "direct"},
        shape={"id": TEXT, "title": None, "status": "active", "created_at": TIME},
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {"user_ids": ["{owner}"]},
        400,
        detail="Chat participant ids must not include the authenticated user",
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {"user_ids": ["who"]},
        400,
        detail="Unknown chat participant id: who",
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {},
        400,
        detail="Chat must include at least one other participant",
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {"user_ids": ["agent", "second"], "kind": "direct"},
        400,
        detail="Use create_group_chat() for 3+ users",
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats",
        {"user_ids": ["agent", "stranger"]},
        400,
        detail="Active relationship required for group chat participant: stranger",
    ),
    Row("2.5", "owner", "POST", "/api/chats", {"user_ids": [], "kind": "circle"}, 422),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats/{group}/members",
        {"user_id": "stranger"},
        shape={"chat_id": TEXT, "user_id": "stranger", "state": "member"},
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats/{group}/members",
        {"user_id": "agent"},
        shape={"chat_id": TEXT, "user_id": "agent", "state": "member"},
    ),
    Row("2.5", "agent", "POST", "/api/chats/{group}/members", {"user_id": "stranger"}, 403),
    Row("2.5", "owner", "POST", "/api/chats/{group}/members", {"user_id": "{owner}"}, 400),
    Row("2.5", "owner", "POST", "/api/chats/{direct}/members", {"user_id": "stranger"}, 400),
    Row("2.5", "owner", "POST", "/api/chats/unknown/members", {"user_id": "stranger"}, 404),
    Row(
        "10.4",
        "owner",
        "POST",
        "/api/chats/unknown/members",
        {"user_id": "who"},
        400,
        detail="Unknown chat participant id: who",
    ),
    Row("10.1", "owner", "DELETE", "/api/chats/{group}", shape={"status": "deleted"}),
    Row("10.1", "stranger", "DELETE", "/api/chats/{group}", status=403, detail=OUTSIDER),
    Row(
        "10.10",
        "owner",
        "POST",
        "/api/chats/{direct}/mute",
        {"user_id": "agent", "muted": True, "mute_until": 1e18},
        500,
    ),
    Row("10.15", "owner", "GET", "/api/chats/unknown/events", status=404, detail="Chat not found"),
    Row("10.15", "stranger", "GET", "/api/chats/{direct}/events", status=403, detail=OUTSIDER),
    Row("2.5", "owner", "POST", "/api/chats/{group}/members", {"user_id": "x", "role": "y"}, 422),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats/{direct}/mute",
        {"user_id": "agent", "muted": True, "mute_until": 1.5},
        shape={"status": "ok", "muted": True},
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats/{direct}/mute",
        {"user_id": "stranger", "muted": True},
        403,
        detail="User does not belong to you",
    ),
    Row(
        "2.5",
        "owner",
        "POST",
        "/api/chats/{direct}/mute",
        {"user_id": "who", "muted": True},
        403,
        detail="User not found",
    ),
    # 2.6 messages
    Row("2.6", "owner", "POST", SEND, {"content": "hello"}, shape=MESSAGE | {"seq": 2}),
    Row("2.6", "agent", "GET", SEND, shape=[MESSAGE | {"content": "first"}]),
    Row("2.6", "agent", "GET", SEND + "/unread", shape=[MESSAGE]),
    Row("2.6", "agent", "POST", SEND + "/read", shape=[MESSAGE]),
    Row("2.6", "agent", "POST", "/api/chats/{direct}/read", shape=OK),
    Row("2.6", "agent", "POST", "/api/chats/{direct}/read", {"up_to_seq": 1}, shape=OK),
    Row("2.6", "agent", "POST", "/api/chats/{direct}/read", {"up_to_seq": -1}, 422),
    Row("2.6", "owner", "POST", SEND, {"content": " "}, 400, detail="Content cannot be empty"),
    Row("2.6", "stranger", "POST", SEND, {"content": "x"}, 403, detail=OUTSIDER),
    Row("2.6", "stranger", "POST", SEND, {"content": ""}, 400, detail="Content cannot be empty"),
    Row("2.6", "owner", "POST", SEND, {"content": "x", "idempotency_key": "k"}, 422),
    Row("2.6", "owner", "POST", SEND, {"content": "x", "delivery_scope": "whisper"}, 422),
    Row(
        "4.5",
        "agent",
        "POST",
        SEND,
        {"content": "x", "enforce_caught_up": True},
        409,
        detail="Read unread messages before sending.",
    ),
    Row(
        "4.6",
        "owner",
        "POST",
        SEND,
        {"content": "x", "addressed_to_user_ids": ["agent"]},
        400,
        detail="broadcast messages must not include addressed_to_user_ids",
    ),
    Row(
        "4.6",
        "owner",
        "POST",
        SEND,
        {"content": "x", "delivery_scope": "addressed", "addressed_to_user_ids": ["{owner}"]},
        400,
        detail="addressed messages require at least one recipient other than the sender",
    ),
    Row(
        "4.6",
        "owner",
        "POST",
        SEND,
        {"content": "x", "delivery_scope": "addressed", "addressed_to_user_ids": ["", " "]},
        400,
        detail="addressed messages require at least one recipient other than the sender",
    ),
    Row(
        "4.6",
        "owner",
        "POST",
        SEND,
        {"content": "x", "delivery_scope": "addressed", "addressed_to_user_ids": ["who"]},
        400,
        detail="Addressed recipient is not a chat member: who",
    ),
    Row(
        "4.6",
        "owner",
        "POST",
        SEND,
        {"content": "x", "delivery_scope": "addressed", "addressed_to_user_ids": ["agent", "agent"]},
        shape=MESSAGE | {"addressed_to_user_ids": ["agent"], "delivery_scope": "addressed"},
    ),
    Row("10.7", "agent", "POST", SEND + "/unknown/retract", status=400, detail="Message cannot be retracted"),
    Row("1.5", "agent", "GET", SEND + "?limit=0", status=422),
    Row("1.5", "agent", "GET", SEND + "?limit=201", status=422),
    Row("1.5", "agent", "GET", SEND + "?before=", shape=[MESSAGE]),
    Row("1.5", "agent", "GET", SEND + "?before=1", shape=[]),
    # 2.7 join requests
    Row(
        "2.7",
        "stranger",
        "GET",
        "/api/chats/{group}/join-target",
        shape={
            "id": TEXT,
            "type": "group",
            "title": "Team",
            "status": "active",
            "created_by_user_id": TEXT,
            "is_member": False,
            "current_request": None,
        },
    ),
    Row("2.7", "stranger", "POST", "/api/chats/{group}/join-requests", {"message": None}, shape=JOIN_REQUEST),
    Row("2.7", "owner", "GET", "/api/chats/{group}/join-requests", shape=[]),
    Row("2.7", "agent", "GET", "/api/chats/{group}/join-requests", status=403),
    Row(
        "2.7",
        "agent",
        "POST",
        "/api/chats/{group}/join-requests",
        {},
        409,
        detail="Already a participant of this chat",
    ),
    Row(
        "2.7",
        "stranger",
        "POST",
        "/api/chats/{direct}/join-requests",
        {},
        409,
        detail="Join requests are only supported for group chats",
    ),
    Row("2.7", "stranger", "GET", "/api/chats/unknown/join-target", status=404, detail="Chat not found"),
    Row(
        "2.7",
        "owner",
        "POST",
        "/api/chats/{group}/join-requests/x/approve",
        {},
        404,
        detail="Chat join request not found",
    ),
    # 2.8 workflow, events, tasks
    Row("2.8", "agent", "GET", "/api/chats/{group}/workflow", status=404, detail="Chat workflow not found"),
    Row(
        "2.8",
        "agent",
        "PUT",
        "/api/chats/{group}/workflow",
        {"kind": "k"},
        shape=WORKFLOW | {"state_version": 0},
    ),
    Row("2.8", "agent", "PUT", "/api/chats/{group}/workflow", {"kind": "k", "config": None}, 422),
    Row(
        "2.8",
        "agent",
        "PUT",
        "/api/chats/{group}/workflow",
        {"kind": "k", "expected_state_version": 3},
        409,
        detail={
            "error": "stale_chat_workflow_state_version",
            "chat_id": "{group}",
            "expected_state_version": 3,
            "actual_state_version": None,
        },
    ),
    Row("2.8", "agent", "DELETE", "/api/chats/{group}/workflow", shape={"status": "deleted"}),
    Row("2.8", "agent", "GET", "/api/chats/{group}/workflow/events", shape=[]),
    Row(
        "2.8",
        "agent",
        "POST",
        "/api/chats/{group}/workflow/events",
        {"kind": "review"},
        shape=EVENT | {"state": "open", "requested_by_user_id": "agent", "updated_at": None},
    ),
    Row(
        "2.8",
        "agent",
        "GET",
        "/api/chats/{group}/workflow/events/1",
        status=404,
        detail="Chat workflow event not found",
    ),
    Row("2.8", "agent", "PATCH", "/api/chats/{group}/workflow/events/1", {"state": "x"}, 404),
    Row("2.8", "agent", "DELETE", "/api/chats/{group}/workflow/events/1", shape={"status": "deleted"}),
    Row("2.8", "agent", "GET", "/api/chats/{group}/tasks", shape=[]),
    Row(
        "2.8",
        "agent",
        "POST",
        "/api/chats/{group}/tasks",
        {"subject": "s", "description": "", "blocked_by": ["2"]},
        shape=TASK | {"status": "pending", "blockedBy": ["2"]},
    ),
    Row("2.8", "agent", "POST", "/api/chats/{group}/tasks", {"subject": "s"}, 422),
    Row("2.8", "agent", "GET", "/api/chats/{group}/tasks/1", status=404, detail="Chat task not found"),
    Row("2.8", "agent", "PATCH", "/api/chats/{group}/tasks/1", {"owner": None}, 404),
    Row("2.8", "agent", "DELETE", "/api/chats/{group}/tasks/1", shape={"status": "deleted"}),
    # 2.9 relationships
    Row("2.9", "agent", "GET", "/api/relationships", shape=[]),
    Row(
        "2.9",
        "agent",
        "POST",
        "/api/relationships/request",
        {"target_user_id": "stranger", "message": None},
        shape=RELATIONSHIP
        | {
            "id": "hire_visit:agent:stranger",
            "state": "pending",
            "is_requester": True,
            "other_user_id": "stranger",
        },
    ),
    Row(
        "2.9",
        "agent",
        "POST",
        "/api/relationships/request",
        {"target_user_id": "agent"},
        400,
        detail="Cannot request relationship with yourself",
    ),
    Row(
        "2.9",
        "agent",
        "POST",
        "/api/relationships/hire_visit%3Aa%3Ab/approve",
        {},
        404,
        detail="Relationship not found",
    ),
    # 2.10 runtime inbox, 2.11 probe
    Row(
        "2.10",
        "agent",
        "POST",
        "/api/runtime/inbox/drain",
        shape={
            "count": 1,
            "notifications": [
                {
                    "seq": 1,
                    "event_type": "chat.message",
                    "notification_type": "chat",
                    "chat_id": TEXT,
                    "message_id": TEXT,
                    "message_seq": 1,
                    "sender_name": "Owner",
                    "unread_count": 1,
                }
            ],
        },
    ),
    Row("2.10", "agent", "POST", "/api/runtime/inbox/wait?timeout_seconds=31", status=422),
    Row(
        "2.10",
        "stranger",
        "POST",
        "/api/runtime/inbox/wait?timeout_seconds=0",
        shape={"count": 0, "notifications": []},
    ),
    Row(
        "2.11",
        "nobody",
        "GET",
        "/openapi.json",
        shape={
            "openapi": TEXT,
            "info": {"title": "Mycel Web Backend", "version": "0.1.0"},
            "paths": dict,
            "components": dict,
        },
    ),
]


@pytest.fixture
def people(town, owner, agent, chat):
    """The town of every row: a direct chat with one message, a group, and somebody outside."""
    people = {"owner": owner, "agent": agent}
    people["second"] = town.external(owner, "second")
    people["stranger"] = town.external(town.guest("Other"), "stranger")
    people["ada"] = town.human("ada@example.org", "secret")
    owner.says(chat, "first")
    return people


@pytest.fixture
def names(people, owner, chat):
    body = {"user_ids": ["agent", "second"], "title": "Team", "kind": "group"}
    return {"owner": owner.id, "direct": chat, "group": owner.post("/api/chats", body)["id"]}


def token_of(who, people):
    if who == "forger":
        return (
            base64.urlsafe_b64encode(b'{"sub":"agent"}').decode().rstrip("=").join(("e30.", ".c2lnbmF0dXJl"))
        )
    return {"nobody": None, "garbler": "garbled"}.get(who) or (people[who].token if who in people else None)


def filled(value, names):
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, str):
        for name, replacement in names.items():
            value = value.replace("{" + name + "}", replacement)
    return value


def mismatch(value, shape, where="answer"):
    """Where a value is not of a shape; a type stands for any value of it, a list of one for a list of many."""
    if isinstance(shape, type):
        is_one = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
        return [] if is_one else [f"{where}: {value!r} is no {shape.__name__}"]
    if isinstance(shape, dict):
        if not isinstance(value, dict) or value.keys() != shape.keys():
            return [f"{where}: {value!r} has not the keys {sorted(shape)}"]
        return [told for key in shape for told in mismatch(value[key], shape[key], f"{where}.{key}")]
    if isinstance(shape, list) and shape and isinstance(shape[0], dict):
        if not isinstance(value, list) or not value:
            return [f"{where}: {value!r} is no list with something in it"]
        return [told for item in value for told in mismatch(item, shape[0], f"{where}[]")]
    return [] if value == shape else [f"{where}: {value!r} is not {shape!r}"]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row, town, people, names):
    http = town.client(token_of(row.who, people))
    answer = http.request(row.method, filled(row.path, names), json=filled(row.body, names))
    assert answer.status_code == row.status, answer.text
    if row.detail is not None:
        assert answer.json() == {"detail": filled(row.detail, names)}
    if row.shape is not None:
        summaries = (
            {"last_message": answer.json()[0]["last_message"]} if row.shape == [SUMMARY, SUMMARY] else {}
        )
        shape = [SUMMARY | {"last_message": dict}] if summaries else row.shape
        assert mismatch(answer.json()[:1] if summaries else answer.json(), shape) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.status == 422 and row.method != "GET"], ids=str)
def test_a_422_is_a_list_of_objects(row, town, people, names):
    http = town.client(token_of(row.who, people))
    answer = http.request(row.method, filled(row.path, names), json=filled(row.body, names)).json()
    assert answer["detail"]
    assert all({"loc", "msg", "type"} <= problem.keys() for problem in answer["detail"])


def test_an_event_has_no_time_of_its_last_change_in_the_answer_that_made_it(owner, chat):
    events = f"/api/chats/{chat}/workflow/events"
    made = owner.post(events, {"kind": "k"})
    (kept,) = owner.get(events)
    assert (made["updated_at"], type(kept["updated_at"])) == (None, float)
    assert kept == made | {"updated_at": kept["updated_at"]}


def test_malformed_json_is_a_422_before_the_token_is_looked_at(town):
    answer = town.client().post("/api/chats", content="{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_body_without_content_type_is_taken(town, owner, chat):
    answer = owner.http.post(f"/api/chats/{chat}/messages", content='{"content":"x"}')
    assert answer.status_code == 200, answer.text


def test_a_trailing_slash_is_redirected(owner):
    assert owner.http.get("/api/chats/").status_code == 307


def test_the_probe_knows_the_four_paths_by_their_spelling(town):
    paths = town.client().get("/openapi.json").json()["paths"]
    assert {
        "/api/auth/guest",
        "/api/auth/external-users",
        "/api/chats/{chat_id}/messages",
        "/api/runtime/inbox/drain",
    } <= paths.keys()
