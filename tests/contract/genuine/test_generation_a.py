"""The genuine clients before the last public server: too new for it (contract, "How to read it")."""

from __future__ import annotations

import pytest

from mycel_runtime.backend.control import ask
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.contract.genuine.conftest import Person, Town, unique
from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import EPOCH

pytestmark = pytest.mark.peers

NO_ENDPOINT = (404, "Not Found")


@pytest.fixture(scope="module")
def older_backend(tmp_path_factory):
    control = tmp_path_factory.mktemp("older") / "control"
    with LocalBackend(BackendOptions(generation="a", control_socket=control)) as backend:
        ask(control, "add_user", email="ada@example.org", password="secret")
        yield backend


@pytest.fixture
def town(older_backend, client, http):
    return Town(older_backend, client, http)


@pytest.fixture
def owner(town):
    """There are no guests yet."""
    logged_in = town.stranger()("auth.login", "ada@example.org", "secret")
    return Person(town.puppet, town.backend.base_url, logged_in["user"]["id"], logged_in["token"])


def told_by_raw_http(town, speaker, chat, content):
    """What no genuine client manages: to say something."""
    answer = town.http.post(
        f"{town.backend.base_url}/api/chats/{chat}/messages",
        json={"content": content},
        headers={"Authorization": f"Bearer {speaker.token}"},
    )
    return answer.raise_for_status().json()


def test_no_genuine_client_can_speak(owner, chat):
    status, detail = owner.refused("messages.send", chat, "hi")
    assert status == 422
    assert '"delivery_scope"' in (detail or "")


def test_reading_at_once_is_the_wrong_verb(owner, chat):
    assert owner.refused("messages.read", chat) == (405, "Method Not Allowed")


def test_what_came_later_is_not_there(owner, agent, chat):
    assert owner.refused("chats.add_member", chat, agent.id) == NO_ENDPOINT
    assert owner.refused("chats.get_workflow", chat) == NO_ENDPOINT
    assert owner.refused("chats.list_tasks", chat) == NO_ENDPOINT
    with pytest.raises(Raised) as caught:
        agent.stream(since_seq=0).next()
    assert (caught.value.kind, caught.value.status) == ("WebSocketBadStatusException", 403)


def test_the_kind_of_a_chat_is_ignored(owner, agent, chat):
    assert owner("chats.create", [agent.id], kind="group", title="Two")["id"] == chat
    assert owner.refused("chats.create", [], kind="group")[0] == 422


def test_the_last_message_has_neither_id_nor_seq(town, owner, agent, chat):
    told_by_raw_http(town, owner, chat, "hello")
    (summary,) = agent("chats.list")
    assert summary["last_message"] == {"content": "hello", "sender_name": "ada", "created_at": EPOCH}
    assert summary["unread_count"] == 1


def test_messages_know_no_scope(town, owner, agent, chat):
    told_by_raw_http(town, owner, chat, "hello")
    (said,) = agent("messages.list", chat)
    assert (said["content"], said["seq"]) == ("hello", 1)
    assert {"delivery_scope", "addressed_to_user_ids"} & set(said) == set()


def test_a_drain_tells_each_queued_message_once(town, owner, agent, chat):
    told_by_raw_http(town, owner, chat, "hello")
    drained = agent("notifications.drain")
    assert drained["count"] == 1
    (item,) = drained["notifications"]
    assert (item["event_type"], item["chat_id"], item["sender_id"]) == ("chat.message", chat, owner.id)
    assert "seq" not in item
    assert agent("notifications.drain") == {"count": 0, "notifications": []}


def test_external_users_make_others(agent):
    assert agent("users.create_external", unique("bot"), "Bot")["user"]["created_by_user_id"] == agent.id
