from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions
from tests.contract.backend.feed import PATIENCE, QUIET, SUBSCRIBE, becomes, heard, subscription


@pytest.fixture
def options():
    """Each wake comes once: the second one (Q8) would find who subscribes soon after something was said."""
    return BackendOptions(quirks=Quirks(double_wake=False))


def test_a_frame_tells_where_to_look_and_nothing_of_what_was_said(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0) as socket:
        sent = owner.says(chat, "hello")
        frame = heard(socket)
    assert frame["metadata"] == {
        "event_type": "chat.message",
        "notification_type": "chat",
        "chat_id": chat,
        "message_id": sent["id"],
        "message_seq": 1,
        "sender_name": "Owner",
        "unread_count": 1,
    }
    assert "hello" not in json.dumps(frame)


def test_resume_replays_what_a_drain_numbered_while_nobody_listened(town, owner, agent, chat):
    owner.says(chat, "one")
    assert agent.post("/api/runtime/inbox/drain")["count"] == 1
    with subscription(town, agent, since_seq=0) as socket:
        assert heard(socket)["seq"] == 1


def test_a_zombie_s_frames_are_in_the_ring(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0):
        pass
    owner.says(chat, "one")
    assert becomes(town, agent, "is_listening", value=False)
    assert agent.post("/api/runtime/inbox/drain")["notifications"][0]["seq"] == 2
    with subscription(town, agent, since_seq=0) as socket:
        assert [heard(socket)["seq"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(("since_seq", "first"), [("1", 2), (1.9, 2), (True, 2), ("", 1), ([], 1), (None, 1)])
def test_since_seq_is_taken_as_python_takes_it(town, owner, agent, chat, since_seq, first):
    owner.says(chat, "one")
    for _ in range(2):
        agent.post("/api/runtime/inbox/drain")
    with subscription(town, agent) as socket:
        socket.send(json.dumps({"type": "resume", "since_seq": since_seq}))
        assert heard(socket)["seq"] == first


@pytest.mark.parametrize(("message", "is_replayed"), [("[]", False), ('{"type":"hello"}', False)])
def test_another_first_message_is_consumed_without_replay(town, owner, agent, chat, message, is_replayed):
    owner.says(chat, "one")
    agent.post("/api/runtime/inbox/drain")
    with subscription(town, agent) as socket:
        socket.send(message)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=QUIET)


@pytest.mark.parametrize(("token", "status"), [("", 403), ("Bearer forged", 500)])
def test_a_bad_token_is_refused_before_the_upgrade(town, token, status):
    assert refusal(town, SUBSCRIBE, token) == status


def test_an_unknown_path_is_refused_as_if_forbidden(town, agent):
    assert refusal(town, "/api/nowhere", f"Bearer {agent.token}") == 403


def test_a_user_who_is_gone_is_refused_as_if_forbidden(town, agent):
    town.backend.faults.remove_user(agent.id)
    assert refusal(town, SUBSCRIBE, f"Bearer {agent.token}") == 403


def test_a_second_blank_before_the_token_is_part_of_it(town, agent):
    """Over HTTP one blank is all there is, too."""
    assert refusal(town, SUBSCRIBE, f"Bearer  {agent.token}") == 500
    assert (
        agent.http.get("/api/auth/me", headers={"Authorization": f"Bearer  {agent.token}"}).status_code == 401
    )


def refusal(town, path, token):
    address = town.backend.base_url.replace("http", "ws") + path
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, additional_headers={"Authorization": token} if token else {}),
    ):
        pass
    return refused.value.response.status_code


@pytest.mark.parametrize(
    "message",
    [b'{"type":"resume"}', "{", '{"type":"resume","since_seq":"1e3"}', '{"type":"resume","since_seq":[1]}'],
)
def test_a_bad_first_message_cuts_the_connection_without_a_close_frame(town, agent, message):
    with subscription(town, agent) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(timeout=PATIENCE)
    assert end.value.rcvd is None


def test_a_poison_chat_closes_the_stream_with_its_name(town, owner, agent, chat):
    poison = agent.post("/api/chats", {"user_ids": [], "kind": "group"})["id"]
    with subscription(town, agent, since_seq=0) as socket:
        owner.says(chat, "one")
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(timeout=PATIENCE)
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (1011, f"Chat {poison} has no projectable title")


def test_a_stopping_server_says_so(town, agent):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.stop()
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(timeout=PATIENCE)
    assert end.value.rcvd.code == 1012
