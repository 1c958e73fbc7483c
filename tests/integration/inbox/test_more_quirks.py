"""The rest of the server's quirks that concern a listener, each under its number (contract section 6)."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import IdentityRefusedError
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.wire.limits import RING_FRAMES
from tests.integration.inbox.conftest import DEADLINE, running
from tests.integration.inbox.test_quirks import stranger

pytestmark = pytest.mark.slow

WAIT = "/api/runtime/inbox/wait"


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what it looks at is lists
            await asyncio.sleep(0.01)


async def test_q3_whoever_keeps_up_resumes_without_an_overflow_beyond_the_first_ring(home, tmp_path):
    """A resume from 0 would overflow: more numbers were given out than the ring holds."""
    said = [f"{number}" for number in range(RING_FRAMES // 2 + 10)]
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("reconcile.finished")
        for text in said:
            await home.say(text)
        await runtime.until_heard(*said)
        home.backend.faults.drop_streams()
        connected = await runtime.memory.wait("stream.connected", 2)
        await home.say("last")
        await runtime.until_heard(*said, "last")

        assert connected.since_seq > RING_FRAMES
        assert runtime.memory.named("replay.overflowed") == []


async def test_q20_chats_whose_speaker_has_vanished_do_not_silence_the_others(home, tmp_path):
    """Chat list and drain are 500 for good, and so is each of those chats."""
    token = (await home.owner.auth.create_external_user("gone", "Gone"))["token"]
    members = ["gone", home.agent_id]
    groups = [await home.owner.chats.create(members, title=f"{n}", kind="group") for n in range(5)]
    async with running(home, tmp_path / "s") as runtime:
        async with AsyncClient(base_url=home.backend.base_url, auth_token=token) as gone:
            for group in groups:
                await gone.messages.send(group["id"], "farewell", enforce_caught_up=False)
        await runtime.until_heard(*["farewell"] * 5)
        home.backend.faults.remove_user("gone")
        await runtime.memory.wait("chat_list.poisoned")

        await home.say("one")

        await runtime.until_heard(*["farewell"] * 5, "one")


async def test_q25_a_malformed_item_that_takes_its_batch_along_takes_no_event(home, tmp_path):
    """The queue is empty after the drain that failed; the relationship itself is still there."""
    async with await stranger(home) as client:
        await client.relationships.request(home.agent_id)
    home.backend.faults.spoil_queue(home.agent_id)

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("reconcile.failed")
        await runtime.until_event("relationship.changed")
        assert "relationship.requested" not in runtime.frames


async def test_q33_what_is_said_in_a_muted_chat_is_heard_at_the_next_look(home, tmp_path):
    """Also when the mute should be over: it never ends, and nothing wakes us."""
    await home.owner.chats.mute_member(home.chat_id, home.agent_id, mute_until=1.0)
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        await home.say("one")

        await runtime.until_heard("one")


async def test_q33_what_goes_on_in_a_muted_chat_is_not_mistaken_for_deafness_for_long(home, tmp_path):
    await home.owner.chats.mute_member(home.chat_id, home.agent_id)
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        for number in range(6):
            await home.say(f"{number}")
            await runtime.until_heard(*(f"{said}" for said in range(number + 1)))
            await runtime.memory.wait(
                "reconcile.finished", len(runtime.memory.named("reconcile.finished")) + 2
            )

    assert len(runtime.memory.named("deafness.detected")) <= 2


async def test_q40_nobody_waits_on_the_server_though_something_stays_unread(home, tmp_path):
    """While anything is unread `wait` answers at once, for ever."""
    home.backend.faults.refuse(500, path=WAIT)
    async with running(home, tmp_path / "s") as runtime:
        await home.say("one")
        await runtime.until_heard("one")
        await runtime.memory.wait("reconcile.finished", 4)

    assert [fault.path for fault in home.backend.faults.take("POST", WAIT)] == [WAIT]


async def test_q41_a_token_that_ends_under_a_standing_connection_ends_the_identity(home, tmp_path):
    """The socket outlives it; whoever only listens would go on and could never answer."""
    memories = []
    with pytest.RaisesGroup(IdentityRefusedError):
        async with running(home, tmp_path / "s") as runtime:
            memories.append(runtime.memory)
            await runtime.memory.wait("reconcile.finished")
            home.backend.faults.expire_token(home.agent_token)
            await asyncio.sleep(DEADLINE)

    assert memories[0].named("stream.ended") == []


async def test_q45_what_a_cut_batch_leaves_out_is_asked_for_at_once(home, tmp_path):
    """The oldest of more than 256 items are numbered and never sent: here the first ten."""
    cut = 10
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("reconcile.finished")
        home.backend.faults.swallow_wakes(RING_FRAMES + cut - 1)
        for number in range(RING_FRAMES + cut):
            await home.owner.chats.create_workflow_event(home.chat_id, kind=f"{number}")

        await until(lambda: len(runtime.frames) == RING_FRAMES + RING_FRAMES + cut)
        assert runtime.frames.count("chat.workflow.event") == RING_FRAMES
        assert runtime.frames.count("chat.workflow_event.changed") == RING_FRAMES + cut
        assert "gap" in {fact.reason for fact in runtime.memory.named("reconcile.finished")}


async def test_q49_a_message_whose_delivery_failed_before_it_was_our_turn_is_heard_all_the_same(
    home, tmp_path
):
    await home.owner.auth.create_external_user("other", "Other")
    group = await home.owner.chats.create(["other", home.agent_id], title="g", kind="group")
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        home.backend.faults.fail_delivery()
        await home.say("one", group["id"])

        await runtime.until_heard("one")


async def test_q51_what_a_blocked_sender_says_is_heard_at_the_next_look(home, tmp_path):
    """Blocking only keeps him from waking us; what he says is unread, and blocks what we say."""
    async with await stranger(home) as blocked:
        me = (await blocked.me.whoami())["id"]
        home.backend.ask("contact", source=home.agent_id, target=me, blocked=True)
        chat_id = (await blocked.chats.ensure_direct(home.agent_id))["id"]
        async with running(home, tmp_path / "s") as runtime:
            await runtime.memory.wait("reconcile.finished")
            await blocked.messages.send(chat_id, "one", enforce_caught_up=False)

            await runtime.until_heard("one")
