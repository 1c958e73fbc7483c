"""What the server answers and the contract does not know costs one question, and is over when it is over."""

from __future__ import annotations

import json

import pytest

from mycel_runtime.sdk.exchange import Reply
from tests.integration.inbox.conftest import running
from tests.integration.inbox.test_quirks import request_relationship

pytestmark = pytest.mark.slow

CHATS, DRAIN, RELATIONSHIPS = "/api/chats", "/api/runtime/inbox/drain", "/api/relationships"
HUGE = {"seq": 1, "event_type": "chat.message", "chat_id": "c", "message_seq": 2**70}


def always(value):
    return lambda _said: value


def first_row(**other):
    return lambda said: [said[0] | other, *said[1:]]


def odd(path, change, *, times):
    """The answers of this path, changed so often."""
    left = [times]

    def alter(asked, reply):
        if asked != path or reply.status != 200 or not left[0]:
            return reply
        left[0] -= 1
        return Reply(200, json.dumps(change(json.loads(reply.content))).encode())

    return alter


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (CHATS, first_row(unread_count=None)),
        (CHATS, first_row(unread_count=1, last_message={"seq": "7"})),
        (CHATS, first_row(unread_count=1, last_message={"seq": 2**70})),
        (CHATS, first_row(unread_count=0, last_message="hi")),
        (CHATS, lambda said: [{"id": "c", "unread_count": 0}, *said]),
        (CHATS, first_row(id=None)),
        (CHATS, always([None])),
        (CHATS, always({})),
        (DRAIN, always({})),
        (DRAIN, always({"notifications": None})),
        (DRAIN, always({"notifications": [None, HUGE]})),
        (RELATIONSHIPS, always([{}])),
        (RELATIONSHIPS, always([{"id": None, "state": 7, "other_user_id": None, "is_requester": None}])),
        (RELATIONSHIPS, always(None)),
    ],
)
async def test_an_odd_answer_ends_nothing(home, tmp_path, path, change):
    async with running(home, tmp_path / "s", alter=odd(path, change, times=3)) as runtime:
        await runtime.memory.wait("reconcile.finished")
        await home.say("one")

        await runtime.until_heard("one")
        await runtime.memory.wait("reconcile.finished", len(runtime.memory.named("reconcile.finished")) + 2)


async def test_an_odd_frame_ends_nothing(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        frame = {"type": "notify", "seq": 1, "fingerprint": "x", "ts": 1.0, "metadata": HUGE}
        home.backend.faults.send_raw(json.dumps(frame), home.agent_id)
        await home.say("one")

        await runtime.until_heard("one")


async def test_one_chats_odd_answer_hides_no_news(home, tmp_path):
    def alter(path, reply):
        return Reply(200, b"null") if "workflow" in path else reply

    async with running(home, tmp_path / "s", alter=alter) as runtime:
        await runtime.memory.wait("reconcile.finished")
        home.backend.faults.swallow_wakes(1)
        await request_relationship(home)

        await runtime.until_event("relationship.changed")


async def test_one_401_ends_no_identity(home, tmp_path):
    """Only what `me` says ends it (Q18)."""
    refused = [3]

    def alter(path, reply):
        if path != RELATIONSHIPS or not refused[0]:
            return reply
        refused[0] -= 1
        return Reply(401, b'{"detail":"Invalid token"}')

    async with running(home, tmp_path / "s", alter=alter) as runtime:
        await runtime.memory.wait("reconcile.failed", 3)
        await home.say("one")

        await runtime.until_heard("one")


async def test_answers_that_are_all_errors_prove_nothing(home, tmp_path):
    def alter(path, reply):
        return Reply(500, b'{"detail":"broken"}') if path.startswith(CHATS) else reply

    async with running(home, tmp_path / "s", alter=alter) as runtime:
        await runtime.memory.wait("reconcile.failed", 3)

    assert runtime.memory.named("reconcile.finished") == []
    assert runtime.memory.named("chat_list.poisoned") == []
