from __future__ import annotations

import json
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.contract.backend.feed import PATIENCE, becomes, heard, hears, subscription


def path(chat):
    return f"/api/chats/{chat}/messages"


def contents(somebody, chat):
    return [message["content"] for message in somebody.get(path(chat))]


def test_a_lost_answer_is_that_of_a_message_that_was_stored(town, owner, agent, chat):
    town.backend.faults.lose_answer(2)
    owner.says(chat, "one")
    with pytest.raises(httpx.TransportError):
        owner.says(chat, "two")
    owner.says(chat, "three")
    assert contents(agent, chat) == ["one", "two", "three"]


def test_a_history_is_read_until_the_answer_is_lost_and_not_from_then_on(town, owner, agent, chat):
    town.backend.faults.lose_answer_and_history(2)
    owner.says(chat, "one")
    assert contents(agent, chat) == ["one"]
    with pytest.raises(httpx.TransportError):
        owner.says(chat, "two")
    assert agent.request("GET", path(chat)).status_code == 500
    town.backend.faults.clear()
    assert contents(agent, chat) == ["one", "two"]


def test_a_dropped_request_was_not_processed(town, owner, agent, chat):
    town.backend.faults.drop_request(path=path(chat), method="POST")
    with pytest.raises(httpx.TransportError):
        owner.says(chat, "one")
    assert contents(agent, chat) == []


def test_one_conflict_is_one_conflict(town, owner, chat):
    town.backend.faults.conflict_once()
    owner.says(chat, "not enforced")
    body = {"content": "hello", "enforce_caught_up": True}
    answers = [owner.request("POST", path(chat), body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 200]


def test_a_refusal_hits_what_it_is_about_and_nothing_else(town, owner, chat):
    town.backend.faults.refuse(429, times=2, path=path(chat), method="POST", retry_after=1.5)
    assert owner.get(path(chat)) == []
    answers = [owner.request("POST", path(chat), {"content": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "1.5"


def test_a_delayed_request_is_processed_late(town, owner, agent, chat):
    town.backend.faults.delay(0.2, path=path(chat))
    began = time.monotonic()
    owner.says(chat, "late")
    assert time.monotonic() - began >= 0.2


def test_swallowed_wakes_leave_the_message_unread(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.swallow_wakes(1)
        owner.says(chat, "unheard")
        assert not hears(socket, soon=False)
        owner.says(chat, "heard")
        assert heard(socket)["metadata"]["unread_count"] == 2


def test_a_lost_insert_leaves_a_hole_for_ever(town, owner, agent, chat):
    town.backend.faults.lose_insert()
    assert owner.request("POST", path(chat), {"content": "lost"}).status_code == 500
    assert owner.says(chat, "next")["seq"] == 2
    assert contents(agent, chat) == ["next"]


def test_a_held_message_comes_below_one_that_was_read_and_is_never_unread(town, owner, agent, chat):
    """Q27: the reader's cursor has passed it."""
    town.backend.faults.hold_message(1.5)
    held = threading.Thread(target=owner.says, args=(chat, "held"))
    held.start()
    while town.backend.faults._holds:
        time.sleep(0.005)
    assert town.external(owner, "other").id == "other"
    agent.says(chat, "own", enforce_caught_up=True)
    held.join(PATIENCE)
    assert contents(agent, chat) == ["held", "own"]
    assert agent.get(path(chat) + "/unread") == []


def test_what_slips_in_is_jumped_over_by_the_sender_s_cursor(town, owner, agent, chat):
    """Q28: it will never be unread."""
    town.backend.faults.interject(owner.id, "wait")
    assert agent.says(chat, "hello", enforce_caught_up=True)["seq"] == 2
    assert agent.get(path(chat) + "/unread") == []
    assert contents(agent, chat) == ["wait", "hello"]


def test_dropped_streams_end_without_a_close_frame(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.drop_streams()
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(timeout=PATIENCE)
    assert end.value.rcvd is None


def test_a_half_open_stream_says_nothing_any_more_and_eats_the_next_wake(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.half_open_streams()
        assert not socket.ping().wait(0.1)
        owner.says(chat, "unheard")
        assert not hears(socket, soon=False)
        assert becomes(town, agent, "queued", 0)


def test_a_failed_delivery_tells_the_stored_row(town, owner, agent, chat):
    town.backend.faults.fail_delivery()
    detail = owner.request("POST", path(chat), {"content": "stored"}).json()["detail"]
    assert detail["error"] == "chat_message_delivery_action_failed"
    (stored,) = agent.get(path(chat))
    row = detail["message"]
    assert {key: row[key] for key in ("id", "seq", "content", "sender_id")} == {
        key: stored[key] for key in ("id", "seq", "content", "sender_id")
    }
    assert (row["sender_user_id"], row["mentions_json"]) == (owner.id, [])
    assert "sender_name" not in row


def test_a_relationship_step_that_fails_after_commit_tells_what_is_stored(town, owner, agent):
    """Settled unknown U2."""
    steps = [
        (agent, "request", {"target_user_id": owner.id}, "pending"),
        (owner, "{id}/approve", {}, "visit"),
    ]
    relationship = {"id": ""}
    for caller, step, body, state in steps:
        town.backend.faults.fail_delivery()
        answer = caller.request("POST", f"/api/relationships/{step.format(**relationship)}", body)
        detail = answer.json()["detail"]
        relationship = detail["relationship"]
        assert (answer.status_code, detail["error"]) == (500, "relationship_action_failed")
        assert (detail["event"], relationship["state"]) == (step.rpartition("/")[2], state)
        assert caller.get("/api/relationships") == [relationship]


def test_a_request_to_nobody_tells_the_relationship_that_is_stored(agent):
    answer = agent.request("POST", "/api/relationships/request", {"target_user_id": "nobody"})
    assert answer.json()["detail"]["relationship"] == agent.get("/api/relationships")[0]


@pytest.mark.parametrize("trouble", ["a fault", "a member who has vanished"])
def test_a_workflow_event_that_fails_after_commit_tells_what_is_stored(town, owner, agent, chat, trouble):
    events = f"/api/chats/{chat}/workflow/events"
    for method, path, body, done in (
        ("POST", events, {"kind": "k"}, "created"),
        ("PATCH", f"{events}/1", {"state": "settled"}, "updated"),
    ):
        if trouble == "a fault":
            town.backend.faults.fail_delivery()
        else:
            town.backend.faults.remove_user(agent.id)
        answer = owner.request(method, path, body)
        detail = answer.json()["detail"]
        assert (answer.status_code, detail["error"]) == (500, "workflow_event_action_failed")
        assert detail["operation"] == done
        (stored,) = owner.get(events)
        assert detail["event"] == stored | {"updated_at": detail["event"]["updated_at"]}


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("revoke_token", "Token 无效: Signature verification failed"),
        ("expire_token", "Token 已过期，请重新登录"),
    ],
)
def test_a_refused_token_is_refused_from_now_on(town, agent, fault, detail):
    getattr(town.backend.faults, fault)(agent.token)
    answer = agent.request("GET", "/api/auth/me")
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})


def test_a_removed_user_is_told_so(town, agent):
    town.backend.faults.remove_user(agent.id)
    answer = agent.request("GET", "/api/auth/me")
    assert answer.json() == {"detail": "User no longer exists — please re-login"}


def test_with_a_vanished_sender_a_chat_cannot_be_read(town, owner, agent, chat):
    owner.says(chat, "hello")
    town.backend.faults.remove_user(owner.id)
    failed = [agent.request("GET", path(chat)), agent.request("POST", path(chat) + "/read")]
    assert [answer.status_code for answer in failed] == [500, 500]


def test_frames_are_duplicated_and_reordered_on_request(town, owner, agent, chat):
    owner.says(chat, "hello")
    owner.post("/api/relationships/request", {"target_user_id": agent.id})
    town.backend.faults.reorder_frames()
    town.backend.faults.duplicate_frames()
    with subscription(town, agent, since_seq=0) as socket:
        owner.says(chat, "again")
        assert [heard(socket)["seq"] for _ in range(4)] == [2, 2, 1, 1]


@pytest.mark.parametrize("data", ["[1, 2", b"\x00\xff"])
def test_a_raw_frame_is_sent_as_it_is(town, agent, data):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.send_raw(data)
        assert socket.recv(timeout=PATIENCE) == data


def test_a_blast_is_numbered_frames_at_full_speed(town, agent):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.blast(5000, agent.id, payload=10)
        assert [heard(socket)["seq"] for _ in range(5000)] == list(range(1, 5001))


def test_a_blast_of_hints_announces_each_chat_in_turn_under_the_next_numbers(town, agent):
    with subscription(town, agent, since_seq=0) as socket:
        town.backend.faults.blast(1, agent.id)
        town.backend.faults.blast(6, agent.id, chats=2)
        frames = [heard(socket) for _ in range(7)][1:]
    assert [frame["seq"] for frame in frames] == [2, 3, 4, 5, 6, 7]
    assert len({frame["fingerprint"] for frame in frames}) == 6
    by_chat = {frame["metadata"]["chat_id"]: [] for frame in frames}
    for frame in frames:
        by_chat[frame["metadata"]["chat_id"]].append(frame["metadata"]["message_seq"])
    assert list(by_chat.values()) == [[2, 3, 4], [2, 3, 4]]


def test_a_plain_500_kills_the_next_request_on_its_connection(town, owner, chat):
    """Contract 1.4: the server closes without having said so."""
    assert owner.http.get(path(chat) + "?before=abc").text == "Internal Server Error"
    with pytest.raises(httpx.TransportError):
        owner.http.get("/api/auth/me")


def test_a_restart_keeps_what_was_said_and_who_may_say_it(town, owner, agent, chat):
    owner.says(chat, "before")
    town.backend.faults.restart()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            assert [message["content"] for message in agent.request("GET", path(chat)).json()] == ["before"]
        except httpx.TransportError:
            continue
        break


def test_what_has_not_happened_yet_can_be_forgotten(town, owner, chat):
    faults = town.backend.faults
    faults.refuse(503)
    faults.conflict_once()
    faults.clear()
    assert json.dumps(owner.says(chat, "x", enforce_caught_up=True))
