"""
Each quirk of the real server, switched on and switched off: it shows in the one case and not in the other.

A scenario returns whether the quirk showed. `on` only tells it how long to wait for what should not come.
"""

from __future__ import annotations

import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mycel_runtime.backend.quirks import Quirks, table
from mycel_runtime.backend.server import BackendOptions
from tests.contract.backend.feed import (
    PATIENCE,
    QUIET,
    SUBSCRIBE,
    becomes,
    heard,
    hears,
    inbox,
    resume,
    subscription,
)

DRAIN = "/api/runtime/inbox/drain"


class Scene:
    """A town with a direct chat of an owner and his agent."""

    def __init__(self, town, *, on):
        self.town = town
        self.on = on
        self.faults = town.backend.faults
        self.owner = town.guest("Owner")
        self.agent = town.external(self.owner, "agent")
        self.chat = self.owner.post("/api/chats", {"user_ids": ["agent"], "kind": "direct"})["id"]

    def says(self, content="hello", **more):
        return self.owner.says(self.chat, content, **more)

    def group(self, title="Team"):
        return self.owner.post("/api/chats", {"user_ids": ["agent"], "title": title, "kind": "group"})["id"]

    def drain(self):
        return self.agent.post(DRAIN)["notifications"]

    def listening(self, since_seq=0, somebody=None):
        return subscription(self.town, somebody or self.agent, since_seq=since_seq)

    def status(self, who, method, path, body=None):
        return who.request(method, path, body).status_code

    def unread(self, chat=None):
        return self.agent.get(f"/api/chats/{chat or self.chat}/messages/unread")

    def is_queued_for(self, who):
        return inbox(self.town, who)["queued"] > 0


def numbers_restart(scene):
    scene.says()
    scene.drain()
    scene.town.backend.restart()
    return scene.drain()[0]["seq"] == 1


def short_ring(scene):
    scene.says()
    for _ in range(257):
        scene.drain()
    with scene.listening() as socket:
        return heard(socket)["type"] == "replay_overflow"


def overflow_only(scene):
    scene.says()
    for _ in range(257):
        scene.drain()
    with scene.listening() as socket:
        assert heard(socket)["type"] == "replay_overflow"
        return not hears(socket, soon=not scene.on)


def resume_only_replays(scene):
    scene.says()
    with scene.listening() as socket:
        return not hears(socket, soon=not scene.on)


def wake_evaporates(scene):
    scene.says()
    with scene.listening(since_seq=None) as socket:
        return not hears(socket, soon=not scene.on)


def announces_all(scene):
    group = scene.group()
    scene.says()
    scene.drain()
    with scene.listening(since_seq=1) as socket:
        scene.owner.says(group, "there")
        return heard(socket)["metadata"]["chat_id"] == scene.chat


def double_wake(scene):
    with scene.listening() as socket:
        scene.says()
        heard(socket)
        return hears(socket, soon=scene.on)


def gaps(scene):
    with scene.listening() as socket:
        scene.faults.swallow_wakes(1)
        scene.says()
        scene.drain()
        scene.says()
        return heard(socket)["seq"] == 2


def one_handler(scene):
    with scene.listening() as first, scene.listening() as second:
        scene.says()
        heard(second)
        return not hears(first, soon=not scene.on)


def cleanup_deafens(scene):
    with scene.listening(since_seq=None) as first, scene.listening() as second:
        first.close()
        becomes(scene.town, scene.agent, "is_listening", value=False, soon=scene.on)
        scene.says()
        return not hears(second, soon=not scene.on)


def wait_deafens(scene):
    with scene.listening() as socket:
        scene.agent.post("/api/runtime/inbox/wait?timeout_seconds=0")
        scene.says()
        return not hears(socket, soon=not scene.on)


def zombies_eat(scene):
    with scene.listening():
        pass
    return not becomes(scene.town, scene.agent, "is_listening", value=False, soon=not scene.on)


def wake_beats_resume(scene):
    scene.says()
    scene.drain()
    with scene.listening(since_seq=None) as socket:
        scene.says()
        assert heard(socket)["seq"] == 2
        resume(socket, 0)
        return not hears(socket, soon=not scene.on)


def bad_resume_kills(scene):
    with scene.listening(since_seq="1e3") as socket:
        if scene.on:
            with pytest.raises(ConnectionClosed):
                heard(socket)
            return True
        # A bad message and a wake in one tick: the wake is lost, on or off (Q14).
        socket.ping().wait(PATIENCE)
        scene.says()
        return not hears(socket, soon=True)


def unread_messages_kill(scene):
    with scene.listening() as socket:
        for _ in range(40):
            socket.send("more")
        socket.ping().wait(QUIET)  # May have come with the messages, and been read with them.
        return not socket.ping().wait(QUIET if scene.on else PATIENCE)


def handshake_500(scene):
    address = scene.town.backend.base_url.replace("http", "ws") + SUBSCRIBE
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, additional_headers={"Authorization": "Bearer forged"}),
    ):
        pass
    return refused.value.response.status_code == 500


def poison_chat(scene):
    scene.agent.post("/api/chats", {"user_ids": [], "kind": "group"})
    return scene.status(scene.agent, "GET", "/api/chats") == scene.status(scene.agent, "POST", DRAIN) == 500


def failed_after_commit(scene):
    scene.faults.fail_delivery()
    status = scene.status(scene.owner, "POST", f"/api/chats/{scene.chat}/messages", {"content": "hello"})
    assert [message["content"] for message in scene.unread()] == ["hello"]
    return status == 500


def no_idempotency_key(scene):
    def send():
        path, headers = f"/api/chats/{scene.chat}/messages", {"Idempotency-Key": "k"}
        return scene.owner.http.post(path, json={"content": "hello"}, headers=headers).json()["id"]

    return send() != send()


def drain_destroys(scene):
    scene.owner.post("/api/relationships/request", {"target_user_id": "agent"})
    assert len(scene.drain()) == 1
    return scene.drain() == []


def queue_lost_first(scene):
    scene.faults.spoil_queue("agent")
    assert scene.agent.request("POST", DRAIN).json() == {"detail": "Invalid external runtime inbox payload"}
    return scene.status(scene.agent, "POST", DRAIN) == 200


def read_destroys(scene):
    scene.says()
    scene.agent.post(f"/api/chats/{scene.chat}/messages/read")
    return scene.unread() == []


def number_then_insert(scene):
    scene.faults.hold_message(0.3)
    sent = []
    held = threading.Thread(target=lambda: sent.append(scene.says("held")["seq"]))
    held.start()
    while scene.faults._holds:
        time.sleep(0.005)
    other = scene.agent.says(scene.chat, "meanwhile")["seq"]
    held.join(PATIENCE)
    return sent[0] < other


def check_then_write(scene):
    scene.faults.interject("agent", "wait")
    return scene.says(enforce_caught_up=True)["seq"] == 2


def own_speech_blocks(scene):
    scene.says(enforce_caught_up=True)
    body = {"content": "again", "enforce_caught_up": True}
    return scene.status(scene.owner, "POST", f"/api/chats/{scene.chat}/messages", body) == 409


def bad_before_500(scene):
    answer = scene.owner.request("GET", f"/api/chats/{scene.chat}/messages?before=abc")
    assert (
        (answer.status_code, answer.text) == (500, "Internal Server Error")
        if scene.on
        else answer.json()["detail"]
    )
    return answer.status_code == 500


def mention_silences(scene):
    scene.says(mentioned_ids=["somebody else"])
    return not scene.is_queued_for(scene.agent)


def mute_never_ends(scene):
    scene.owner.post(f"/api/chats/{scene.chat}/mute", {"user_id": "agent", "muted": True, "mute_until": 1.0})
    scene.says()
    return not scene.is_queued_for(scene.agent)


def tells_the_chat(scene):
    scene.says()
    own = scene.agent.says(scene.chat, "mine")
    return scene.drain()[0]["message_id"] == own["id"]


def humans_sleep(scene):
    scene.agent.says(scene.chat, "hello")
    return not scene.is_queued_for(scene.owner)


def silent_joins(scene):
    group = scene.owner.post("/api/chats", {"title": "Team", "kind": "group"})["id"]
    scene.owner.post(f"/api/chats/{group}/members", {"user_id": "agent"})
    return not scene.is_queued_for(scene.agent)


def past_is_unread(scene):
    group = scene.owner.post("/api/chats", {"title": "Team", "kind": "group"})["id"]
    scene.owner.says(group, "long ago")
    scene.owner.post(f"/api/chats/{group}/members", {"user_id": "agent"})
    return len(scene.unread(group)) == 1


def cursor_unbounded(scene):
    scene.agent.post(f"/api/chats/{scene.chat}/read", {"up_to_seq": 100})
    scene.says()
    return scene.unread() == []


def requests_to_nobody(scene):
    status = scene.status(scene.agent, "POST", "/api/relationships/request", {"target_user_id": "nobody"})
    return status == 500 and len(scene.agent.get("/api/relationships")) == 1


def batch_cut(scene):
    for number in range(257):
        scene.owner.says(scene.group(str(number)), "hello")
    with scene.listening(since_seq=None) as socket:
        scene.owner.says(scene.group("last"), "hello")
        # The second copy of an earlier wake (Q8) may drain 257 before the last message makes them 258.
        return heard(socket)["seq"] in {257 - 256 + 1, 258 - 256 + 1}


def storage_order(scene):
    scene.owner.says(scene.group(), "early")
    scene.says("late")
    return scene.drain()[0]["chat_id"] == scene.chat


def fingerprints_repeat(scene):
    with scene.listening() as socket:
        scene.says()
        return heard(socket)["fingerprint"] == heard(socket)["fingerprint"]


def deletes_half(scene):
    group = f"/api/chats/{scene.group()}"
    scene.owner.says(group.rpartition("/")[2], "hello")
    scene.town.external(scene.town.guest(), "stranger").post(f"{group}/join-requests", {})
    status = scene.status(scene.owner, "DELETE", group)
    assert scene.status(scene.owner, "GET", group) == (403 if scene.on else 404)
    return status == 500


def retract_fails(scene):
    path = f"/api/chats/{scene.chat}/messages"
    status = scene.status(scene.owner, "POST", f"{path}/{scene.says()['id']}/retract")
    (message,) = scene.agent.get(path)
    assert (message["content"] == "hello") is (message["retracted_at"] is None) is (status == 500)
    return status == 500


def hide_fails(scene):
    path = f"/api/chats/{scene.chat}/messages"
    status = scene.status(scene.agent, "DELETE", f"{path}/{scene.says()['id']}")
    assert len(scene.agent.get(path)) == (status == 500)
    return status == scene.status(scene.agent, "DELETE", f"{path}/unknown") == 500


def header_only(scene):
    address = scene.town.backend.base_url.replace("http", "ws") + SUBSCRIBE
    protocol = f"bearer.{scene.agent.token}"
    try:
        with connect(address, subprotocols=[protocol]) as socket:
            assert socket.subprotocol == protocol
    except InvalidStatus as refused:
        return refused.response.status_code == 403
    return False


def references_checked(scene):
    task = {"subject": "s", "description": ""}
    event = {"kind": "k", "requested_by_user_id": "nobody"}
    scene.owner.post(f"/api/chats/{scene.chat}/tasks", task)
    statuses = {
        scene.status(scene.owner, "POST", f"/api/chats/{scene.chat}/tasks", task | {"owner": "nobody"}),
        scene.status(scene.owner, "PATCH", f"/api/chats/{scene.chat}/tasks/1", {"owner": "nobody"}),
        scene.status(scene.owner, "POST", f"/api/chats/{scene.chat}/workflow/events", event),
    }
    stored = (
        len(scene.owner.get(f"/api/chats/{scene.chat}/tasks")),
        scene.owner.get(f"/api/chats/{scene.chat}/tasks/1")["owner"],
    )
    assert stored == ((1, None) if scene.on else (2, "nobody"))
    return statuses == {500}


def text_must_be_storable(scene):
    path = f"/api/chats/{scene.chat}/messages"
    status = scene.status(scene.owner, "POST", path, {"content": "a\0b"})
    assert scene.status(scene.owner, "POST", path, {"content": "\\u0000 is no NUL"}) == 200
    assert [message["seq"] for message in scene.unread()] == ([2] if scene.on else [1, 2])
    return status == scene.status(scene.owner, "POST", "/api/chats", {"kind": "group", "title": "\0"}) == 500


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        numbers_restart,
        short_ring,
        overflow_only,
        resume_only_replays,
        wake_evaporates,
        announces_all,
        double_wake,
        gaps,
        one_handler,
        cleanup_deafens,
        wait_deafens,
        zombies_eat,
        wake_beats_resume,
        bad_resume_kills,
        unread_messages_kill,
        handshake_500,
        poison_chat,
        failed_after_commit,
        no_idempotency_key,
        drain_destroys,
        queue_lost_first,
        read_destroys,
        number_then_insert,
        check_then_write,
        own_speech_blocks,
        bad_before_500,
        mention_silences,
        mute_never_ends,
        tells_the_chat,
        humans_sleep,
        silent_joins,
        past_is_unread,
        cursor_unbounded,
        requests_to_nobody,
        batch_cut,
        storage_order,
        fingerprints_repeat,
        deletes_half,
        retract_fails,
        hide_fails,
        header_only,
        references_checked,
        text_must_be_storable,
    )
}


ECHO_DISTURBS = {"resume_only_replays", "wake_beats_resume", "wake_evaporates"}
"""The second wake would find the subscriber that was too late for the first (Q8)."""


def test_every_switch_has_a_scenario():
    assert SCENARIOS.keys() == {quirk.name for quirk in table()}


@pytest.fixture
def options(request):
    name, on = request.param
    caught_up = "a" if name == "own_speech_blocks" else None
    quirks = Quirks(**{"double_wake": name not in ECHO_DISTURBS, name: on})
    return BackendOptions(quirks=quirks, caught_up=caught_up)


@pytest.mark.parametrize(
    ("options", "name", "on"),
    [((name, on), name, on) for name in SCENARIOS for on in (True, False)],
    indirect=["options"],
    ids=lambda value: {True: "on", False: "off"}.get(value, "") if not isinstance(value, str) else value,
)
def test_it_shows_when_it_is_on_and_not_when_it_is_off(town, name, on):
    assert SCENARIOS[name](Scene(town, on=on)) is on
