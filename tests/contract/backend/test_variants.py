"""The other servers that are played: the last public one, and the communication profile."""

from __future__ import annotations

import httpx
import pytest

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions, LocalBackend


@pytest.fixture
def options(request):
    return BackendOptions(**request.param)


older = pytest.mark.parametrize("options", [{"generation": "a"}], indirect=True, ids=["a"])
communication = pytest.mark.parametrize(
    "options", [{"profile": "communication"}], indirect=True, ids=["communication"]
)


@pytest.fixture
def ada(town):
    return town.human("ada@example.org", "secret")


@pytest.fixture
def bot(town, ada):
    return town.external(ada, "bot")


@pytest.fixture
def talk(ada, bot):
    return ada.post("/api/chats", {"user_ids": ["bot"]})["id"]


@older
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/chats/{talk}/messages/read", 405),
        ("POST", "/api/runtime/inbox/wait", 404),
        ("POST", "/api/chats/{talk}/members", 404),
        ("GET", "/api/chats/{talk}/workflow", 404),
        ("POST", "/api/auth/guest", 404),
    ],
)
def test_the_older_server_lacks(bot, talk, method, path, status):
    assert bot.request(method, path.format(talk=talk)).status_code == status


@older
def test_the_older_server_refuses_the_send_of_both_clients(ada, talk):
    body = {"content": "hi", "delivery_scope": "broadcast"}
    assert ada.request("POST", f"/api/chats/{talk}/messages", body).status_code == 422


@older
def test_the_older_server_has_no_scopes_no_seqs_in_summaries_no_guests(ada, bot, talk):
    sent = ada.says(talk, "hello")
    assert not {"delivery_scope", "addressed_to_user_ids"} & sent.keys()
    assert bot.get("/api/chats")[0]["last_message"].keys() == {"content", "sender_name", "created_at"}
    assert "is_guest" not in bot.get("/api/auth/me")


@older
def test_the_older_server_ignores_the_kind_of_a_chat(ada, bot, talk):
    body = {"user_ids": ["bot"], "kind": "group", "title": "ignored"}
    assert ada.post("/api/chats", body)["id"] == talk
    assert ada.request("POST", "/api/chats", {"user_ids": []}).status_code == 422


@older
def test_the_older_server_hands_out_each_token_once_and_projects_nothing(ada, bot, talk):
    ada.says(talk, "one")
    ada.says(talk, "two")
    drained = bot.post("/api/runtime/inbox/drain")
    assert drained["count"] == 2
    assert drained["notifications"][0].keys() == {
        "event_type",
        "chat_id",
        "sender_id",
        "sender_name",
        "summary",
        "notification_type",
        "source",
    }
    assert bot.post("/api/runtime/inbox/drain") == {"count": 0, "notifications": []}


@older
def test_the_older_server_counts_movement_and_moves_no_cursor(ada, bot, talk):
    enforced = {"content": "hello", "enforce_caught_up": True}
    assert ada.post(f"/api/chats/{talk}/messages", enforced)["seq"] == 1
    refused = ada.request("POST", f"/api/chats/{talk}/messages", enforced)
    detail = f"Chat advanced after your last read. Call read_messages(chat_id='{talk}') first."
    assert (refused.status_code, refused.json()) == (409, {"detail": detail})
    ada.post(f"/api/chats/{talk}/read")
    assert ada.post(f"/api/chats/{talk}/messages", enforced)["seq"] == 2


@pytest.mark.parametrize(
    "options", [{"generation": "a", "quirks": Quirks(hide_fails=False)}], indirect=True, ids=["a"]
)
def test_the_older_server_moves_a_cursor_back(ada, bot, talk):
    sent = ada.says(talk, "hello")
    bot.post(f"/api/chats/{talk}/read")
    assert bot.request("DELETE", f"/api/chats/{talk}/messages/{sent['id']}").status_code == 200
    bot.post(f"/api/chats/{talk}/read")
    ada.says(talk, "again")
    assert len(bot.get(f"/api/chats/{talk}/messages/unread")) == 1


WORKFLOW = {"kind": "k", "expected_state_version": None}


def of(generation):
    return pytest.mark.parametrize("options", [{"generation": generation}], indirect=True, ids=[generation])


@of("b1")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/auth/guest", {}, 404),
        ("PUT", "/api/chats/{talk}/workflow", {"kind": "k"}, 200),
        ("PUT", "/api/chats/{talk}/workflow", WORKFLOW, 422),
        ("PATCH", "/api/chats/{talk}/workflow/events/1", {"state": "x"}, 404),
        ("PATCH", "/api/chats/{talk}/workflow/events/1", {"expected_state_version": 0}, 422),
        ("POST", "/api/chats/{talk}/messages/read", None, 200),
    ],
)
def test_b1_is_b_without_what_came_with_b2(bot, talk, method, path, body, status):
    assert bot.request(method, path.format(talk=talk), body).status_code == status


@of("b1")
def test_b1_marks_everything_read_whatever_it_is_told(ada, bot, talk):
    ada.says(talk, "one")
    ada.says(talk, "two")
    bot.post(f"/api/chats/{talk}/read", {"up_to_seq": 1})
    assert bot.get(f"/api/chats/{talk}/messages/unread") == []
    assert "is_guest" not in bot.get("/api/auth/me")


@of("b2")
def test_b2_must_be_told_how_far_one_has_read(ada, bot, talk):
    ada.says(talk, "one")
    assert bot.request("POST", f"/api/chats/{talk}/read").status_code == 422
    assert len(bot.get(f"/api/chats/{talk}/messages/unread")) == 1
    bot.post(f"/api/chats/{talk}/read", {"up_to_seq": 1})
    assert bot.get(f"/api/chats/{talk}/messages/unread") == []
    assert bot.request("PUT", f"/api/chats/{talk}/workflow", WORKFLOW).status_code == 200


@pytest.mark.parametrize("generation", ["b1", "b2", "b"])
def test_the_probe_finds_both_ways_to_the_inbox(generation):
    """SDKs up to 0.1.71 look for `wait`, later ones for `drain`."""
    with LocalBackend(BackendOptions(generation=generation)) as backend:
        paths = httpx.get(f"{backend.base_url}/openapi.json").json()["paths"]
    assert {"/api/runtime/inbox/wait", "/api/runtime/inbox/drain"} <= paths.keys()


@communication
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/send-otp"),
        ("POST", "/api/auth/verify-otp"),
        ("POST", "/api/auth/complete-register"),
        ("GET", "/api/panel/agents"),
        ("POST", "/api/threads"),
    ],
)
def test_the_communication_profile_lacks(owner, method, path):
    answer = owner.request(method, path, {})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@communication
def test_the_communication_profile_has_the_rest(owner, agent, chat):
    owner.says(chat, "hello")
    assert agent.post("/api/runtime/inbox/drain")["count"] == 1
    assert owner.get("/api/relationships") == []


@communication
def test_the_communication_profile_cannot_reach_a_managed_agent(town, owner):
    """The message is stored, the sender is told 500 (2.12); a mention of somebody else spares it."""
    managed = town.backend.ask("add_agent", owner_id=owner.id, name="Toad")["id"]
    chat = owner.post("/api/chats", {"user_ids": [managed]})["id"]
    path = f"/api/chats/{chat}/messages"
    assert owner.request("POST", path, {"content": "hello"}).status_code == 500
    owner.says(chat, "hello", mentioned_ids=[owner.id])
    assert [message["seq"] for message in owner.get(path)] == [1, 2]
