"""Nothing lost, never silently deaf: the server's quirks one by one, on a real backend over real sockets."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mycel_runtime.fair_turns import RUNS, fair_turns_of
from mycel_runtime.inbox.approach import Approach
from mycel_runtime.inbox.stream import SLICE_FRAMES
from mycel_runtime.sdk.stream import open_stream
from tests.integration.inbox.conftest import DEADLINE, running

pytestmark = pytest.mark.slow


async def test_q5_what_arrives_while_nobody_is_connected_is_heard_at_the_next_connect(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    await home.say("two")

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.until_heard("two")


async def test_q1_a_restarted_server_is_a_new_epoch_also_when_its_numbers_have_passed_the_checkpoint(
    home, tmp_path
):
    """The checkpoint's own frame is asked for again at each connect: it shows whose numbers these are."""
    async with running(home, tmp_path / "s") as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    home.backend.restart()
    missed = [f"{number}" for number in range(20)]
    async with open_stream(
        base_url=home.backend.base_url, auth_token=home.agent_token, since_seq=0
    ) as elsewhere:
        for text in missed:
            await home.say(text)
            await asyncio.wait_for(elsewhere.receive(), DEADLINE)

    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("epoch.changed")
        await runtime.until_heard(*missed)
        await home.say("last")
        await runtime.until_heard(*missed, "last")


async def test_q4_after_an_overflow_the_ring_is_fetched_and_the_chats_are_asked_for(home, tmp_path):
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    async with open_stream(
        base_url=home.backend.base_url, auth_token=home.agent_token, since_seq=0
    ) as elsewhere:
        for number in range(300):
            await home.say(f"{number}")
        await asyncio.wait_for(elsewhere.receive(), DEADLINE)

    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("replay.overflowed")
        await runtime.memory.wait("stream.connected", 2)
        await runtime.until_heard(*(f"{number}" for number in range(300)))


async def test_q10_a_second_subscriber_that_steals_the_wakes_is_noticed_and_replaced(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        async with open_stream(base_url=home.backend.base_url, auth_token=home.agent_token, since_seq=None):
            await home.say("one")
            await runtime.until_heard("one")
            await runtime.memory.wait("deafness.detected")
            await runtime.memory.wait("stream.connected", 2)
        await home.say("two")
        await runtime.until_heard("one", "two")


async def test_swallowed_wakes_cost_one_interval_and_a_new_connection(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        home.backend.faults.swallow_wakes(2)
        await home.say("one")

        await runtime.until_heard("one")
        await runtime.memory.wait("deafness.detected")
        await runtime.memory.wait("stream.connected", 2)


async def test_q12_a_wait_that_deafens_the_subscription_is_noticed(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        async with home_client(home) as agent:
            await agent.post("/api/runtime/inbox/wait?timeout_seconds=0")
        await home.say("one")

        await runtime.until_heard("one")
        await runtime.memory.wait("deafness.detected")
        await runtime.memory.wait("stream.connected", 2)
        await home.say("two")
        await runtime.until_heard("one", "two")


def home_client(home):
    return httpx.AsyncClient(
        base_url=home.backend.base_url, headers={"Authorization": f"Bearer {home.agent_token}"}
    )


async def test_q17_a_half_open_connection_is_left_within_the_ping_deadline(home, tmp_path):
    pings = {"ping_interval": 0.3, "ping_timeout": 0.3}
    async with running(home, tmp_path / "s", reconcile_interval=3600, **pings) as runtime:
        await runtime.memory.wait("stream.connected")
        home.backend.faults.half_open_streams()

        await runtime.memory.wait("stream.connected", 2)
        await home.say("one")
        await runtime.until_heard("one")


async def test_q19_a_dropped_connection_loses_nothing(home, tmp_path):
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        for number in range(5):
            await home.say(f"{number}")
            home.backend.faults.drop_streams()
        await runtime.until_heard(*(f"{number}" for number in range(5)))


async def test_q20_one_poisoned_chat_does_not_silence_the_others(home, tmp_path):
    """An untitled group of nobody but the agent: chat list and drain are 500 until somebody joins."""
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        async with home_client(home) as agent:
            broken = await agent.post("/api/chats", json={"user_ids": [], "kind": "group"})
        await runtime.memory.wait("chat_list.poisoned")

        await home.say("one")

        await runtime.until_heard("one")
        assert broken.json()["id"] in (await runtime.memory.wait("reconcile.failed")).error


async def test_q20_a_chat_that_was_poisoned_while_we_were_away_does_not_silence_the_others(home, tmp_path):
    """Which chats there are is remembered: the list can be asked for no more."""
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
    async with home_client(home) as agent:
        await agent.post("/api/chats", json={"user_ids": [], "kind": "group"})
    await home.say("one")

    async with running(home, tmp_path / "s") as runtime:
        await runtime.until_heard("one")
        assert runtime.memory.named("chat_list.poisoned")[0].known_chats == 1


async def test_quiet_is_never_mistaken_for_deaf(home, tmp_path):
    async with running(home, tmp_path / "s", reconcile_interval=0.05, deaf_grace=1.0) as runtime:
        await home.say("one")
        await runtime.until_heard("one")
        await runtime.memory.wait("reconcile.finished", 20)

        assert runtime.memory.named("deafness.detected") == []
        assert len(runtime.memory.named("stream.connected")) == 1


async def test_q32_a_message_that_mentions_somebody_else_is_no_deafness(home, tmp_path):
    """It is unread and wakes nobody; the reconcile makes it due, and nothing is wrong with the stream."""
    other = await home.owner.auth.create_external_user("other", "Other")
    group = await home.owner.chats.create([home.agent_id, other["user"]["id"]], title="g", kind="group")
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        await home.owner.messages.send(group["id"], "for other", mentions=["other"], enforce_caught_up=False)

        await runtime.until_heard("for other")
        await runtime.memory.wait("reconcile.finished", len(runtime.memory.named("reconcile.finished")) + 3)
        assert runtime.memory.named("deafness.detected") == []


async def test_q7_q8_an_event_is_handled_once_however_often_its_chat_is_announced(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        for number in range(20):
            await home.say(f"{number}")
        await runtime.until_heard(*(f"{number}" for number in range(20)))
        await runtime.memory.wait("reconcile.finished", 3)

        assert runtime.heard == [f"{number}" for number in range(20)]


async def test_q36_being_put_into_a_group_is_an_event_of_its_own(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        group = await home.owner.chats.create([], title="g", kind="group")
        await home.owner.chats.add_member(group["id"], home.agent_id)

        await runtime.until_event("chat.joined")


async def test_q36_what_changed_while_nobody_listened_is_told_once_at_the_next_start(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
    await home.owner.relationships.request(home.agent_id)
    async with home_client(home) as agent:
        (relationship,) = (await agent.get("/api/relationships")).json()
        await agent.post(f"/api/relationships/{relationship['id']}/approve", json={})
    await home.owner.relationships.upgrade(relationship["id"])

    async with running(home, tmp_path / "s") as runtime:
        await runtime.until_event("relationship.changed")
        await runtime.memory.wait("reconcile.finished", 4)
        assert runtime.frames.count("relationship.changed") == 1


async def test_a_request_to_join_ones_own_group_is_told_with_its_id(home, tmp_path):
    async with home_client(home) as agent:
        group = (await agent.post("/api/chats", json={"user_ids": [], "title": "g", "kind": "group"})).json()
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        await home.owner.chats.request_join(group["id"], message="please")

        await runtime.until_event("chat.join_request.changed")


@pytest.mark.parametrize("others", [0, 1])
async def test_a_flood_is_taken_in_by_slices_where_other_agents_want_the_loop(home, tmp_path, others):
    places = [fair_turns_of(RUNS)]
    shares = [places[0].join() for _ in range(others)]
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await home.say("one")
        await runtime.until_heard("one")
        # What was waited for before the agent has had its first run may be as much as one alone takes.
        await home.say("two")
        await runtime.until_heard("one", "two")
        before = len(runtime.memory.named("frames.committed"))
        home.backend.faults.blast(5_000, "agent", 0, 100)
        async with asyncio.timeout(DEADLINE):
            while committed(runtime, before) < 5_000:  # noqa: ASYNC110 - facts come without a word to the test
                await asyncio.sleep(0.01)

    largest = max(fact.received for fact in runtime.memory.named("frames.committed")[before:])
    assert (largest <= SLICE_FRAMES) == bool(shares)


def committed(runtime, before):
    return sum(fact.received for fact in runtime.memory.named("frames.committed")[before:])


async def test_a_stream_is_heard_while_its_first_look_waits_for_others_to_be_connected(home, tmp_path):
    approach = Approach(hearing_first=3600)
    await home.say("before")
    async with running(home, tmp_path / "s", approach=approach) as runtime:
        await runtime.until_heard("before")
    await home.say("missed")

    async with (
        approach.to_connect() as stands,
        running(home, tmp_path / "s", approach=approach, reconcile_interval=3600) as runtime,
    ):
        await runtime.memory.wait("stream.connected")
        await home.say("told")  # and with it, that the chat has more
        await runtime.until_heard("missed", "told")
        assert runtime.memory.named("reconcile.finished") == []

        stands()
        await runtime.memory.wait("reconcile.finished")


async def test_who_waits_long_for_others_to_be_connected_looks_all_the_same(home, tmp_path):
    approach = Approach(hearing_first=0.05)
    await home.say("one")

    async with approach.to_connect(), running(home, tmp_path / "s", approach=approach) as runtime:
        await runtime.until_heard("one")
