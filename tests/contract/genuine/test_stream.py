"""The runtime inbox, through the genuine clients (contract 2.10, 3.3, 5)."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Final

import pytest

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.sdk import Client
from tests.contract.genuine.conftest import Town
from tests.contract.genuine.puppet import Raised
from tests.contract.genuine.shapes import EPOCH, NUMBER, matching

pytestmark = pytest.mark.peers

RING: Final = 256
HEARD_SECONDS: Final = 30.0

FINGERPRINT: Final = matching("[0-9a-f]{64}")


def chat_metadata(said, unread):
    return {
        "event_type": "chat.message",
        "notification_type": "chat",
        "chat_id": said["chat_id"],
        "message_id": said["id"],
        "message_seq": said["seq"],
        "sender_name": said["sender_name"],
        "unread_count": unread,
    }


def fingerprint(metadata):
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def frame_of(seq, metadata):
    return {"type": "notify", "seq": seq, "fingerprint": FINGERPRINT, "ts": EPOCH, "metadata": metadata}


def standing(agent, checkpoint=0):
    """A stream that is known to stand: it has replayed what a drain numbered."""
    agent("notifications.drain")
    stream = agent.stream(since_seq=checkpoint)
    stream.next()
    return stream


def speak_until_heard(speaker, chat, stream):
    """The first frame of a stream that does not say when it stands."""
    deadline = time.monotonic() + HEARD_SECONDS
    while time.monotonic() < deadline:
        speaker("messages.send", chat, "anybody?", enforce_caught_up=False)
        try:
            return stream.next(0.3)
        except Raised as exc:
            if exc.kind != "TimeoutError":
                raise
    raise AssertionError("nothing was heard")


@pytest.fixture
def own_town(client, http):
    """With a backend of its own, to be broken."""
    with LocalBackend() as backend:
        yield Town(backend, client, http)


def test_an_empty_inbox_drains_to_nothing(agent):
    assert agent("notifications.drain") == {"count": 0, "notifications": []}


def test_a_drain_tells_of_every_unread_chat_again(owner, agent, chat):
    first = owner("messages.send", chat, "one")
    item = {"seq": 1, **chat_metadata(first, 1)}
    assert agent("notifications.drain") == {"count": 1, "notifications": [item]}
    second = owner("messages.send", chat, "two")
    item = {"seq": 2, **chat_metadata(second, 2)}
    assert agent("notifications.drain") == {"count": 1, "notifications": [item]}
    agent("messages.read", chat)
    assert agent("notifications.drain") == {"count": 0, "notifications": []}


def test_a_resume_replays_what_was_numbered_after_it(owner, agent, chat):
    said = owner("messages.send", chat, "one")
    for _ in range(3):
        agent("notifications.drain")
    stream = agent.stream(since_seq=1)
    frames = [stream.next(), stream.next()]
    assert frames == [frame_of(2, chat_metadata(said, 1)), frame_of(3, chat_metadata(said, 1))]
    assert {frame["fingerprint"] for frame in frames} == {fingerprint(chat_metadata(said, 1))}


def test_every_wake_comes_twice(owner, agent, chat):
    """Q8: numbers of their own, the same otherwise."""
    owner("messages.send", chat, "one")
    stream = standing(agent)
    said = owner("messages.send", chat, "zwei, größer")
    metadata = chat_metadata(said, 2)
    assert [stream.next(), stream.next()] == [frame_of(2, metadata), frame_of(3, metadata)]


def test_without_a_resume_only_what_comes_is_told(owner, agent, chat):
    owner("messages.send", chat, "before")
    agent("notifications.drain")
    frame = speak_until_heard(owner, chat, agent.stream())
    assert frame["seq"] > 1
    assert frame["metadata"]["unread_count"] > 1


def test_humans_are_not_woken(owner, agent, chat):
    """Q35: the owner's stream stands, and stays silent."""
    agent("messages.send", chat, "one")
    stream = standing(owner)
    agent("messages.send", chat, "two")
    with pytest.raises(Raised) as caught:
        stream.next(0.5)
    assert caught.value.kind == "TimeoutError"


def test_more_than_the_ring_holds_is_an_overflow(town, owner, agent, chat):
    """Q3, Q4."""
    owner("messages.send", chat, "one")
    with Client(base_url=town.backend.base_url, auth_token=agent.token) as quick:
        for _ in range(RING + 1):
            quick.notifications.drain()
    with pytest.raises(Raised) as caught:
        agent.stream(since_seq=0).next()
    assert caught.value.kind == "ReplayOverflow"
    assert caught.value.frame == {"type": "replay_overflow", "since_seq": 0, "oldest_seq": 2}
    frame = agent.stream(since_seq=1).next()
    assert frame is not None
    assert frame["seq"] == 2


def test_a_stream_ends_when_it_is_told_to(owner, agent, chat):
    owner("messages.send", chat, "one")
    agent("notifications.drain")
    # In 0.1.45 this is the handshake's timeout too; the frame below spares the wait for it.
    stream = agent.stream(since_seq=0, timeout=10.0, stoppable=True)
    assert stream.next() is not None
    stream.stop()
    owner("messages.send", chat, "two")
    last = stream.next()
    while last is not None:
        last = stream.next()


def test_a_restart_ends_the_stream_and_numbers_from_one_again(own_town):
    """Q1: and the old checkpoint is no overflow."""
    owner = own_town.guest()
    agent = own_town.external(owner)
    chat = own_town.chat(owner, agent)
    owner("messages.send", chat, "one")
    agent("notifications.drain")
    stream = standing(agent, 1)
    own_town.backend.restart()
    with pytest.raises(Raised) as caught:
        stream.next()
    assert (caught.value.kind, caught.value.text) == ("ConnectionClosed", "runtime inbox stream closed")
    frame = speak_until_heard(owner, chat, agent.stream(since_seq=2))
    assert frame["seq"] == 1


def test_a_cut_ends_the_stream(own_town):
    owner = own_town.guest()
    agent = own_town.external(owner)
    chat = own_town.chat(owner, agent)
    owner("messages.send", chat, "one")
    stream = standing(agent)
    own_town.backend.faults.drop_streams()
    with pytest.raises(Raised) as caught:
        stream.next()
    assert caught.value.kind == "ConnectionClosed"


def test_a_newer_stream_takes_all_wakes(owner, agent, chat):
    """Q10."""
    owner("messages.send", chat, "one")
    older = standing(agent)
    newer = agent.stream(since_seq=0)
    assert newer.next() is not None
    owner("messages.send", chat, "two")
    assert newer.next() is not None
    with pytest.raises(Raised) as caught:
        older.next(0.2)
    assert caught.value.kind == "TimeoutError"


def test_one_chat_that_cannot_be_shown_blinds_the_inbox(owner, agent, chat):
    """Q20: an untitled group of one's own, as `cel group create` makes it."""
    owner("messages.send", chat, "one")
    stream = standing(agent)
    poison = agent("chats.create", [], kind="group")["id"]
    refusal = (500, f"Chat {poison} has no projectable title")
    assert agent.refused("notifications.drain") == refusal
    assert agent.refused("chats.list")[0] == 500
    assert agent("chats.get", poison)["title"] is None
    owner("messages.send", chat, "two")
    with pytest.raises(Raised) as caught:
        stream.next()
    assert caught.value.kind == "ConnectionClosed"
    agent("chats.add_member", poison, owner.id)
    assert agent("notifications.drain")["notifications"] == [
        {"seq": NUMBER, **chat_metadata(agent("messages.list", chat)[-1], 2)}
    ]


def test_a_bad_token_is_a_500_to_the_stream(town):
    """Q18."""
    with pytest.raises(Raised) as caught:
        town.stranger("a.b.c").stream(since_seq=0).next()
    assert (caught.value.kind, caught.value.status) == ("WebSocketBadStatusException", 500)


def test_without_a_token_no_stream_is_opened(town):
    with pytest.raises(Raised) as caught:
        town.stranger().stream(since_seq=0).next()
    assert caught.value.kind == "RuntimeError"
    assert caught.value.text == "auth_token is required for notification stream"
