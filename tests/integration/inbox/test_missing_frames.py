"""What only the ring still holds is asked for while the connection stands (Q9, Q23)."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.exchange import Reply
from tests.integration.inbox.conftest import DEADLINE, running
from tests.integration.inbox.test_quirks import REQUESTED, request_relationship

pytestmark = pytest.mark.slow

DRAIN = "/api/runtime/inbox/drain"


async def at_rest(home, state_dir):
    """A runtime has been there; something waits in the queue, and nobody was woken for it."""
    async with running(home, state_dir) as runtime:
        await home.say("one")
        await runtime.until_heard("one")
    await home.say("two")  # its wake ends what is left of the connection (Q13)
    await asyncio.sleep(0.3)
    await request_relationship(home)


async def test_q23_a_drain_whose_answer_is_lost_costs_one_new_connection(home, tmp_path):
    await at_rest(home, tmp_path / "s")
    home.backend.faults.lose_answer(path=DRAIN)

    async with running(home, tmp_path / "s") as runtime:
        await runtime.until_event(REQUESTED)
        await runtime.memory.wait("reconcile.finished", 3)

    assert runtime.frames.count(REQUESTED) == 1
    assert len(runtime.memory.named("stream.connected")) == 2


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_q23_a_drain_whose_answer_is_a_page_of_something_in_between_is_lost_as_well(
    home, tmp_path, status
):
    await at_rest(home, tmp_path / "s")
    pages = [Reply(status, b"<html>Log in</html>")]

    def page_once(path, reply):
        return pages.pop() if path == DRAIN and pages else reply

    async with running(home, tmp_path / "s", alter=page_once) as runtime:
        await runtime.until_event(REQUESTED)
        await runtime.memory.wait("reconcile.finished", 3)

    assert runtime.frames.count(REQUESTED) == 1
    assert len(runtime.memory.named("stream.connected")) == 2


async def test_q23_drains_that_are_lost_for_ever_cost_one_connection_only(home, tmp_path):
    home.backend.faults.lose_answer(times=10_000, path=DRAIN)

    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.failed", 5)
        await home.say("one")
        await runtime.until_heard("one")

    assert len(runtime.memory.named("stream.connected")) == 2


async def test_q9_what_somebody_else_has_drained_is_fetched_from_the_ring(home, tmp_path):
    async with running(home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished")
        home.backend.faults.swallow_wakes(1)
        home.backend.faults.delay(1.0, times=1, path="/api/chats")  # our own look must not be first
        await request_relationship(home)
        async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as other:
            await other.notifications.drain()

        async with asyncio.timeout(DEADLINE):
            number = 0
            while REQUESTED not in runtime.frames:
                await home.say(f"{number}")  # without a later number nobody can know of the hole
                number += 1
                await asyncio.sleep(0.3)
        assert runtime.frames.count(REQUESTED) == 1


WORKFLOW_EVENTS = r"/api/chats/[^/]+/workflow/events"


async def lose_a_workflow_event(home):
    """Somebody else of this identity takes its notification out of the queue."""
    home.backend.faults.swallow_wakes(1)
    await home.owner.chats.create_workflow_event(home.chat_id, kind="lost")
    async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as elsewhere:
        await elsewhere.notifications.drain()


async def test_after_an_overflow_the_workflow_lists_are_read_though_the_connection_is_replaced(
    home, tmp_path
):
    async with running(home, tmp_path / "s", reconcile_interval=3600) as runtime:
        await runtime.memory.wait("reconcile.finished")
        await lose_a_workflow_event(home)
        home.backend.faults.send_raw('{"type": "replay_overflow", "since_seq": 0, "oldest_seq": 1}')

        await runtime.until_event("chat.workflow_event.changed")


async def test_what_was_there_when_a_chats_list_could_not_be_read_is_no_news_once_it_can(home, tmp_path):
    """The first look's baseline is the chat's, not all chats'."""
    await home.owner.chats.create_workflow_event(home.chat_id, kind="old")
    home.backend.faults.refuse(500, times=3, method="GET", path=WORKFLOW_EVENTS)  # two repeats are the SDK's
    async with running(home, tmp_path / "s", reconcile_interval=0.2) as runtime:
        await runtime.memory.wait("reconcile.finished", 4)
        assert sum(fact.events for fact in runtime.memory.named("reconcile.finished")) == 0
        await lose_a_workflow_event(home)
        home.backend.faults.send_raw('{"type": "replay_overflow", "since_seq": 0, "oldest_seq": 1}')
        await runtime.until_event("chat.workflow_event.changed")

    assert runtime.frames.count("chat.workflow_event.changed") == 1


NOTHING = "nothing.*"
"""A pattern of frames that match none."""


async def ask_to_join(home):
    await home.owner.chats.request_join(home.group_id, message="please")


CHANGES = pytest.mark.parametrize(
    ("change", "told"),
    [
        (lose_a_workflow_event, "chat.workflow_event.changed"),
        (request_relationship, "relationship.changed"),
        (ask_to_join, "chat.join_request.changed"),
    ],
)


@pytest.fixture
async def group_home(home):
    """With a group of the agent's own."""
    async with AsyncClient(base_url=home.backend.base_url, auth_token=home.agent_token) as agent:
        home.group_id = (await agent.chats.create([], title="g", kind="group"))["id"]
    return home


@CHANGES
async def test_a_plugin_that_was_away_is_told_once_what_has_changed_meanwhile(
    group_home, tmp_path, change, told
):
    """Nobody of those who are there without it wants the list."""
    async with running(group_home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
    await change(group_home)
    async with running(group_home, tmp_path / "s", frames=NOTHING) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)

    async with running(group_home, tmp_path / "s") as runtime:
        await runtime.until_event(told)
        await runtime.memory.wait("reconcile.finished", 3)
        assert runtime.frames.count(told) == 1
    async with running(group_home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        assert told not in runtime.frames


@pytest.mark.parametrize(
    ("change", "told", "times"),
    [
        (lose_a_workflow_event, "chat.workflow_event.changed", 0),
        (request_relationship, "relationship.changed", 1),
        (ask_to_join, "chat.join_request.changed", 1),
    ],
)
async def test_the_first_plugin_that_wants_a_list_is_told_who_waits_and_nothing_of_the_past(
    group_home, tmp_path, change, told, times
):
    async with running(group_home, tmp_path / "s", frames=NOTHING) as runtime:
        await runtime.memory.wait("reconcile.finished", 2)
        await change(group_home)
        await runtime.memory.wait("reconcile.finished", 4)

    async with running(group_home, tmp_path / "s") as runtime:
        await runtime.memory.wait("reconcile.finished", 3)
        assert runtime.frames.count(told) == times
