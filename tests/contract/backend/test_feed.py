from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

SUBSCRIBE = "/api/runtime/inbox/subscribe"
SECONDS = 5.0


@contextmanager
def subscription(town, somebody, *, since_seq=None):
    address = town.backend.base_url.replace("http", "ws") + SUBSCRIBE
    headers = {"Authorization": f"Bearer {somebody.token}"}
    with connect(address, additional_headers=headers, compression=None) as socket:
        if since_seq is not None:
            socket.send(json.dumps({"type": "resume", "since_seq": since_seq}))
            # A wake in the very tick of the resume is lost (Q14): let it be read first.
            if isinstance(since_seq, int):
                socket.ping().wait(SECONDS)
        yield socket


def heard(socket):
    return json.loads(socket.recv(timeout=SECONDS))


def test_every_wake_arrives_twice_with_the_same_fingerprint(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0) as socket:
        sent = owner.says(chat, "hello")
        first, second = heard(socket), heard(socket)
    assert (first["seq"], second["seq"]) == (1, 2)
    assert first["fingerprint"] == second["fingerprint"]
    assert first["metadata"]["message_id"] == sent["id"]
    assert "hello" not in json.dumps(first)


def test_resume_replays_what_a_drain_numbered_while_nobody_listened(town, owner, agent, chat):
    owner.says(chat, "one")
    assert agent.post("/api/runtime/inbox/drain")["count"] == 1
    with subscription(town, agent, since_seq=0) as socket:
        assert heard(socket)["seq"] == 1


def test_a_resume_behind_the_ring_is_answered_by_the_overflow_alone(town, owner, agent, chat):
    owner.says(chat, "one")
    for _ in range(257):
        agent.post("/api/runtime/inbox/drain")
    with subscription(town, agent, since_seq=0) as socket:
        assert heard(socket) == {"type": "replay_overflow", "since_seq": 0, "oldest_seq": 2}
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.05)


def test_after_a_restart_numbers_begin_again_and_unread_stays(town, owner, agent, chat):
    owner.says(chat, "one")
    agent.post("/api/runtime/inbox/drain")
    town.backend.restart()
    drained = agent.post("/api/runtime/inbox/drain")
    assert [item["seq"] for item in drained["notifications"]] == [1]


@pytest.mark.parametrize(("token", "status"), [("", 403), ("Bearer forged", 500)])
def test_a_bad_token_is_refused_before_the_upgrade(town, token, status):
    address = town.backend.base_url.replace("http", "ws") + SUBSCRIBE
    with (
        pytest.raises(InvalidStatus) as refusal,
        connect(address, additional_headers={"Authorization": token} if token else {}),
    ):
        pass
    assert refusal.value.response.status_code == status


def test_a_bad_resume_cuts_the_connection_without_a_close_frame(town, agent):
    with subscription(town, agent, since_seq="1e3") as socket, pytest.raises(ConnectionClosed) as end:
        socket.recv(timeout=SECONDS)
    assert end.value.rcvd is None
