"""
How long a request may be on its way after nobody waits for its answer any more.

A proxy, a queue before the server, a slow database: giving up takes back nothing. `settle_grace` begins when somebody
looks for the message, hence after its sender has given up, and what arrives within it is found.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.speech.dam import Dam
from tests.integration.speech.test_unresolved_sends import HISTORY, answering, contents

WAIT_SECONDS = 60.0
GRACE = 0.5


@pytest.fixture
async def dam(world):
    async with Dam(world.backend.port) as dam:
        yield dam


async def start(world, dam, *, grace, timeout):  # noqa: ASYNC109 - httpx's, per step
    agent = await world.agent("a", answering(), base_url=dam.base_url, settle_grace=grace, timeout=timeout)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


def when_told(agent, name, act):
    tell = agent.memory.tell

    def told(fact):
        tell(fact)
        if fact.name == name:
            act()

    agent.memory.tell = told


def after_looking(agent, dam):
    """The request arrives just after the next reading of the history, which did not show it."""
    list_ = agent.sdk.messages.list

    async def looked(*args, **kwargs):
        agent.sdk.messages.list = list_
        page = await list_(*args, **kwargs)
        dam.release()
        await dam.passed.wait()
        return page

    agent.sdk.messages.list = looked


async def test_a_request_that_arrives_within_the_grace_after_its_sender_gave_up_is_found(world, dam):
    agent, chat_id = await start(world, dam, grace=GRACE, timeout=0.3)
    when_told(agent, "send.unresolved", lambda: after_looking(agent, dam))

    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["re: x"]
    assert [fact.recovered for fact in agent.memory.named("message.sent")] == [True]


async def test_the_grace_begins_when_somebody_looks_not_when_the_words_were_written_down(world, dam):
    """The sender had waited for longer than the grace, and the history could not be read then."""
    agent, chat_id = await start(world, dam, grace=GRACE, timeout=2 * GRACE)
    world.backend.faults.refuse(
        500, 1, method="GET", path=HISTORY, skip=2
    )  # where it starts, what it is shown
    when_told(agent, "delivery.postponed", lambda: after_looking(agent, dam))

    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)
        while (await agent.journal.statistics("a")).due:
            agent.clock.ahead += 60
            await agent.deliver()

    assert agent.memory.named("delivery.postponed")
    assert await contents(world, chat_id, "a") == ["re: x"]


async def test_what_a_dead_process_left_on_its_way_is_found_by_the_next_one(world, dam):
    """However long the dead one had waited: that is known to nobody."""
    agent, chat_id = await start(world, dam, grace=GRACE, timeout=15.0)
    async with asyncio.timeout(WAIT_SECONDS):
        async with asyncio.TaskGroup() as tasks:
            dying = tasks.create_task(agent.hear(chat_id))
            await dam.held.wait()
            dying.cancel()
        await agent.journal.close()

        again = await world.agent("a", answering(), base_url=dam.base_url, settle_grace=GRACE)
        again.clock.ahead += 60
        after_looking(again, dam)
        await again.deliver()

    assert await contents(world, chat_id, "a") == ["re: x"]


async def test_what_arrives_beyond_the_grace_and_before_the_next_try_is_found(world, dam):
    agent, chat_id = await start(world, dam, grace=0.05, timeout=0.5)

    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)
        assert await agent.journal.unresolved("a") == []
        dam.release()
        await dam.passed.wait()
        agent.clock.ahead += 60
        await agent.deliver()

    assert await contents(world, chat_id, "a") == ["re: x"]
    assert [fact.recovered for fact in agent.memory.named("message.sent")] == [True]


@pytest.mark.parametrize(
    ("options", "status", "times"), [({"caught_up": "a"}, 409, 1), ({}, 200, 2)], ids=["rules-a", "b"]
)
async def test_beyond_the_grace_only_a_server_that_counts_our_own_words_refuses_the_late_copy(
    world, dam, status, times
):
    """The limit of what can be promised without an idempotency key (Q22): a longer grace only moves it."""
    agent, chat_id = await start(world, dam, grace=0.05, timeout=0.5)

    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)
        agent.clock.ahead += 60
        await agent.deliver()
        assert await contents(world, chat_id, "a") == ["re: x"]
        dam.release()
        await dam.passed.wait()

    assert dam.status == status
    assert await contents(world, chat_id, "a") == ["re: x"] * times
