"""What is said first, though answers are lost, a chat is closed, the backend is away or agents answer each other."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from mycel_runtime import Plugin
from tests.integration.speech.speaking import GENERATIONS, call, caller, direct, group, said

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_lost_answer_is_looked_for(world, options):
    async def say(ctx):
        await ctx.say(elsewhere, "once")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    world.backend.faults.lose_answer(path=f"/api/chats/{elsewhere}/messages")
    await call(world, agent, here)

    assert await said(world, elsewhere) == ["once"]
    assert [fact.recovered for fact in agent.memory.named("message.sent")] == [True]


async def test_what_cannot_be_said_is_a_dead_letter_and_can_be_said_later(world):
    """Its words are kept for that; and erased when it has been said, or its letter is dropped."""

    async def say(ctx):
        await ctx.say(ctx.messages[-1].content.removeprefix("go "), "at last")

    agent = await world.agent("agent", caller(say), max_attempts=2)
    stranger = await world.user("stranger")
    here, closed = await direct(world), (await stranger.chats.create([], kind="group", title="g"))["id"]
    for _ in range(2):
        await call(world, agent, here, f"go {closed}")
    for _ in range(4):
        agent.clock.ahead += 60
        await agent.deliver()
    letters = await agent.journal.dead_letters("agent")
    assert [(letter.lane, letter.attempts) for letter in letters] == [(f"chat:{closed}", 2)] * 2
    assert "at last" not in repr(letters)
    assert words_kept(agent) == ["at last", "at last"]

    await stranger.chats.add_member(closed, "agent")
    assert await agent.journal.revive(agent.me, letters[0].dead_letter_id)
    await agent.deliver()
    assert [each["content"] for each in await stranger.messages.list(closed)] == ["at last"]
    assert await agent.journal.drop(agent.me, letters[1].dead_letter_id)
    assert words_kept(agent) == []


def words_kept(agent):
    return [content for (content,) in rows(agent, "SELECT content FROM utterance") if content is not None]


def rows(agent, query):
    with contextlib.closing(sqlite3.connect(agent.journal._path)) as connection:
        return connection.execute(query).fetchall()


async def test_an_outage_costs_the_wait(world):
    async def say(ctx):
        await ctx.say(elsewhere, "after all")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    world.backend.faults.refuse(503, 1_000, path=f"/api/chats/{elsewhere}/.*")
    for _ in range(12):
        await call(world, agent, here) if not _ else await agent.deliver()
        agent.clock.ahead += 60
    assert words_kept(agent) == ["after all"]
    world.backend.faults.clear()
    agent.clock.ahead += 60
    await agent.deliver()

    assert await said(world, elsewhere) == ["after all"]
    assert await agent.journal.dead_letters("agent") == []
    assert words_kept(agent) == []


async def test_agents_that_speak_first_to_each_other_fall_silent_and_schedules_go_on(world):
    def talkative():
        plugin = Plugin("p")

        @plugin.on_message(sender="agent")
        async def answer(ctx):
            ctx.timers.set("later", after=0, data=ctx.chat_id)

        @plugin.on_timer("later")
        async def later(ctx):
            await ctx.say(ctx.data, "and so on")

        @plugin.every(hours=1)
        async def post(ctx):
            if chats:
                await ctx.say(chats[0], "news")

        return plugin

    chats = []
    one, two = [await world.agent(name, talkative(), guard={"turns": 3}) for name in ("one", "two")]
    chat_id = await group(world, "one", "two")
    await one.sdk.messages.send(chat_id, "begin", delivery_scope=None)
    for _ in range(12):
        for agent in (two, one):
            await agent.hear(chat_id)
    spoken = len(await said(world, chat_id, by="one")) + len(await said(world, chat_id, by="two"))
    assert spoken <= 1 + 3 + 3
    chats.append(chat_id)
    one.clock.ahead += 3601
    await one.deliver()
    assert (await said(world, chat_id, by="one"))[-1] == "news"


async def test_words_are_in_no_repr_and_no_fact(world):
    secret = "the safe's number is 4711"

    async def say(ctx):
        await ctx.say(elsewhere, secret)

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    claimed, claim = [], agent.journal.claim

    async def watched(*args, **kwargs):
        claimed.extend(deliveries := await claim(*args, **kwargs))
        return deliveries

    agent.journal.claim = watched
    await call(world, agent, here)

    assert any(type(each).__name__ == "UtteranceDelivery" for each in claimed)
    assert secret not in repr(claimed) + repr(agent.memory.facts)
    entries = rows(agent, "SELECT raw FROM entry")
    assert entries
    assert secret not in str(entries)
