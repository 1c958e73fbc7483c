"""The genuine `cel` 0.1.83 and its daemon, as a person uses them (contract 7.1, 8)."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from mycel_runtime.backend.control import ask
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from tests.contract.genuine.cel import Cel, cel, wait_until
from tests.contract.genuine.conftest import unique
from tests.contract.genuine.shapes import EPOCH, ISO, UUID, matching

pytestmark = pytest.mark.peers

GUEST_ID = matching(r"guest-[0-9a-f-]{36}")


@dataclass(frozen=True)
class Household:
    """An owner, two agents, a daemon that listens for them, and what `cel` said on the way here."""

    cel: Cel
    backend: LocalBackend
    owner: str
    scout: str
    miner: str
    said: dict[str, Any]


def settle(person, backend):
    said = {
        "connect": person.json("self", "connect", backend.base_url),
        "login": person.json("login", "--guest", "--name", "Ada"),
    }
    scout, miner = unique("scout"), unique("miner")
    for name in (scout, miner):
        said[name] = person.json("agent", "external", "create", name, "--name", name.title())
    said["start"] = person("self", "start")
    house = Household(person, backend, said["login"]["user"]["id"], scout, miner, said)
    wait_until(lambda: is_listening(house))
    return house


def is_listening(house):
    """Whether both agents have a subscriber; the daemon's own word for it is older than the handshake."""
    rows = ask(house.backend.options.control_socket, "inboxes")
    heard = {row["user_id"] for row in rows if row["is_listening"]}
    return {house.scout, house.miner} <= heard


@contextmanager
def owner_s_http(house):
    """For what `cel` does not show."""
    token = ask(house.backend.options.control_socket, "token", user_id=house.owner)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=house.backend.base_url, headers=headers, timeout=30.0) as http:
        yield http


def new_group(house, http):
    """The path of a group with both agents, in which nobody is behind."""
    body = {"user_ids": [house.scout, house.miner], "title": "Call", "kind": "group"}
    return f"/api/chats/{http.post('/api/chats', json=body).raise_for_status().json()['id']}"


def call_everybody(house):
    """A message to both agents."""
    with owner_s_http(house) as http:
        said = http.post(f"{new_group(house, http)}/messages", json={"content": "anybody?"})
        said.raise_for_status()


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """Not the session's: it will be restarted."""
    options = BackendOptions(control_socket=tmp_path_factory.mktemp("backend") / "control")
    with LocalBackend(options) as backend:
        yield backend


@pytest.fixture(scope="module")
def house(sdk_0_1_83, backend, tmp_path_factory):
    with cel(sdk_0_1_83, tmp_path_factory.mktemp("cel")) as person:
        yield settle(person, backend)


def group_in(said):
    """The id that `cel group create` tells."""
    match = re.search(r"'([0-9a-f-]{36})'", said)
    assert match is not None
    return match[1]


@pytest.fixture(scope="module")
def room(house):
    """The id of a group with both agents."""
    group = group_in(house.cel("group", "create", "--title", "Team"))
    for name in (house.scout, house.miner):
        added = house.cel.json("group", "add-member", group, name)
        assert added == {
            "group_id": group,
            "user_id": name,
            "member": {"chat_id": group, "user_id": name, "state": "member"},
            "resolved_from_local_id": name,
        }
    return group


def events(house, identity):
    """The kinds of notifications that the daemon wrote down."""
    return [item["event_type"] for item in house.cel.inbox(identity)]


def is_announced(house, identity, message):
    """Whether the daemon wrote down that there is this message."""
    return any(item.get("message_id") == message["id"] for item in house.cel.inbox(identity))


def test_self_connect_finds_all_capabilities(house, backend):
    assert house.said["connect"] == {
        "base_url": backend.base_url,
        "openapi": matching(r"3\..*"),
        "title": "Mycel Web Backend",
        "version": "0.1.0",
        "capabilities": {
            "guest_auth": True,
            "external_users": True,
            "chat_messages": True,
            "runtime_inbox": True,
        },
    }


def test_a_guest_logs_in_and_her_token_can_be_used_again(house, sdk_0_1_83, backend, tmp_path):
    user = house.said["login"]["user"]
    assert (user["id"], user["name"], user["is_guest"]) == (GUEST_ID, "Ada", True)
    token = house.cel("self", "token", "--guest").strip()
    with cel(sdk_0_1_83, tmp_path) as elsewhere:
        login = ("login", "--guest", "--token", token, "--base-url", backend.base_url)
        assert elsewhere.json(*login)["user"]["id"] == house.owner


def test_a_human_logs_in_with_a_password(sdk_0_1_83, backend, tmp_path):
    address = f"{unique('ada')}@example.org"
    ask(backend.options.control_socket, "add_user", email=address, password="secret")
    with cel(sdk_0_1_83, tmp_path) as person:
        login = ("login", address, "--password-stdin", "--base-url", backend.base_url)
        assert person.json(*login, stdin="secret\n")["user"]["email"] == address


def test_an_external_identity_is_created_and_knows_itself(house, backend):
    said = house.said[house.scout]
    assert said["user"] == {
        "id": house.scout,
        "name": house.scout.title(),
        "type": "external",
        "created_by_user_id": house.owner,
    }
    shown = house.cel.json("agent", "show", as_=house.scout)
    assert (shown["user_id"], shown["display_name"]) == (house.scout, house.scout.title())
    assert shown["base_url"] == backend.base_url


def test_a_contact_is_requested_listed_and_approved(house):
    low, high = sorted([house.scout, house.miner])
    contact = {
        "id": f"hire_visit:{low}:{high}",
        "state": "pending",
        "message": "hello",
        "created_at": ISO,
        "updated_at": ISO,
    }
    asked = house.cel.json("contact", "request", house.miner, "--message", "hello", as_=house.scout)
    assert asked == {**contact, "other_user_id": house.miner, "is_requester": True}
    wait_until(lambda: "relationship.requested" in events(house, house.miner))
    (listed,) = house.cel.json("contact", "list", as_=house.miner)
    assert listed == {**contact, "other_user_id": house.scout, "is_requester": False}
    approved = house.cel.json("contact", "approve", listed["id"], as_=house.miner)
    assert approved == {**listed, "state": "visit", "updated_at": ISO}
    wait_until(lambda: "relationship.approved" in events(house, house.scout))


def test_a_direct_message_is_sent_announced_and_read_once(house):
    sent = house.cel.json("send-message", f"@{house.miner}", "hi there", as_=house.scout)
    message = sent["message"]
    assert sent["resolved"] == {
        "target_type": "user",
        "chat_id": message["chat_id"],
        "user_id": house.miner,
        "resolved_from_local_id": house.miner,
        "mentioned_user_ids": [],
    }
    assert (message["id"], message["seq"], message["created_at"]) == (UUID, 1, EPOCH)
    wait_until(lambda: is_announced(house, house.miner, message))
    read = ("read-message", f"@{house.scout}")
    peeked = house.cel.json(*read, "--last", "1", as_=house.miner)
    assert house.cel.json(*read, as_=house.miner) == peeked
    assert peeked["messages"] == [message]
    assert house.cel.json(*read, as_=house.miner)["messages"] == []


def test_a_group_is_listed_given_a_workflow_and_shown(house, room):
    assert f"{room} (Team)" in house.cel("group", "list")
    house.cel("group", "update", room, "Do good work")
    shown = house.cel("group", "show", room)
    for line in ("Title: Team", "Kind: group", "Members: 3", house.scout, house.miner):
        assert line in shown
    assert "Workflow: keep" in shown
    assert "Prompt: Do good work" in shown


def test_in_a_group_one_reads_before_one_speaks_to_somebody(house, room):
    to_all = house.cel.json("send-message", room, "all", as_=house.scout)["message"]
    assert to_all["delivery_scope"] == "broadcast"
    wait_until(lambda: is_announced(house, house.miner, to_all))
    refused = house.cel.run("send-message", room, "too early", as_=house.miner)
    assert refused.returncode != 0
    assert "Read unread messages before sending." in refused.stderr
    house.cel("read-message", room, as_=house.miner)
    to_one = house.cel.json("send-message", f"{room}@{house.scout}", "you", as_=house.miner)["message"]
    assert (to_one["delivery_scope"], to_one["addressed_to_user_ids"]) == ("addressed", [house.scout])
    wait_until(lambda: is_announced(house, house.scout, to_one))
    read = house.cel.json("read-message", room, as_=house.scout)["messages"]
    assert [message["content"] for message in read] == ["you"]


def test_a_message_finds_its_way_by_a_workflow_s_alias(house):
    digger = {"handle": "digger", "user_id": house.miner, "aliases": ["mole"]}
    with owner_s_http(house) as http:
        path = new_group(house, http)
        body = {"kind": "cel-group", "config": {"participants": [digger]}}
        http.put(f"{path}/workflow", json=body).raise_for_status()
    chat = path.rpartition("/")[2]
    sent = house.cel.json("send-message", f"{chat}@mole", "dig", as_=house.scout)
    assert sent["message"]["addressed_to_user_ids"] == [house.miner]
    assert sent["resolved"]["addressed_resolved_from_workflow_refs"] == ["mole"]


def test_tasks_of_a_group_are_made_listed_and_shown(house, room):
    task = ("group", room, "task")
    assert "'1'" in house.cel(*task, "create", "Sweep")
    assert "#1 [proposed] Sweep" in house.cel(*task, "list")
    shown = json.loads(house.cel(*task, "show", "1"))
    assert (shown["subject"], shown["status"], shown["blockedBy"]) == ("Sweep", "proposed", [])


def test_the_daemon_tells_that_it_listens(house, backend):
    assert "Mycel daemon" in house.said["start"]
    status = house.cel.json("self", "status")
    assert (status["daemon"]["state"], status["daemon"]["running"]) == ("running", True)
    assert status["owner"] == {"user_id": house.owner}
    for name in (house.scout, house.miner):
        assert f"{name} ok at {backend.base_url}" in status["summaries"]["subscribers"]


def test_the_daemon_survives_a_restart_of_the_backend(house, backend, room):
    backend.restart()
    wait_until(lambda: is_listening(house))
    message = house.cel.json("send-message", room, "back again", as_=house.scout)["message"]
    wait_until(lambda: is_announced(house, house.miner, message))


def test_the_daemon_stops_and_starts(house):
    """Its streams are missed when something is said, not before (Q13)."""
    house.cel("self", "stop")
    wait_until(lambda: not house.cel.processes())
    assert house.cel.json("self", "status")["daemon"]["state"] == "stopped"
    call_everybody(house)
    wait_until(lambda: not is_listening(house))
    house.cel("self", "start")
    wait_until(lambda: is_listening(house))


def test_a_group_without_a_title_blinds_its_owner(house):
    """Q20: `cel group create` makes one; adding a member cures it."""
    group = group_in(house.cel("group", "create"))
    with owner_s_http(house) as http:
        assert http.get("/api/chats").status_code == 500
        house.cel("group", "add-member", group, house.scout)
        assert http.get("/api/chats").status_code == 200
