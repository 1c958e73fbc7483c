"""Downtime: what was about to be said before it is not said after it, unless the handler says it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.verbs import claims
from mycel_runtime.journal.verbs.speech import intent_of
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.dam import Dam
from tests.integration.speech.test_unresolved_sends import contents

DOWNTIME_SECONDS = 16 * 60
WAIT_SECONDS = 60.0


def answering(words, shown):
    plugin = Plugin("p")

    @plugin.on_message(sender="human")
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        await ctx.reply(f"{words} to {shown[-1][-1]}")

    return plugin


def written(agent, _):
    """The intent is in the journal, and nothing was sent."""
    intend, reached = agent.journal.intend, asyncio.Event()

    async def stop(delivery, intent):
        await intend(delivery, intent)
        reached.set()
        await asyncio.Event().wait()

    agent.journal.intend = stop
    return reached


def on_its_way(_, dam):
    """The request has left, and never arrives."""
    return dam.held


@pytest.mark.parametrize("point", [written, on_its_way])
async def test_after_a_downtime_the_handler_is_asked_again_with_the_newest_messages(world, point):
    shown = []
    async with Dam(world.backend.port) as dam, asyncio.timeout(WAIT_SECONDS):
        agent = await world.agent("a", answering("at once", shown), base_url=dam.base_url)
        chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
        await world.say(chat_id, "one")
        reached = point(agent, dam)
        async with asyncio.TaskGroup() as tasks:
            dying = tasks.create_task(agent.hear(chat_id, 1))
            await reached.wait()
            dying.cancel()
        await agent.journal.close()
        (before,) = shown

        again = await world.agent("a", answering("after a while", shown))
        again.clock.ahead += DOWNTIME_SECONDS
        for text in ("two", "three"):
            await world.say(chat_id, text)
        await again.hear(chat_id, 3)

    assert [before, *shown[1:]] == [["one"], ["one", "two", "three"]]
    assert await contents(world, chat_id, "a") == ["after a while to three"]
    assert await again.journal.unresolved("a") == []


async def test_what_another_host_may_yet_say_is_parked_and_never_said_by_this_one(world, monkeypatch):
    """The other one is silent, and nobody knows that it is dead; the turn goes on behind its words."""
    shown = []
    agent = await world.agent("a", answering("there", shown))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "one")
    reached = written(agent, None)
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        dying = tasks.create_task(agent.hear(chat_id, 1))
        await reached.wait()
        dying.cancel()
    await agent.journal.close()

    again = await world.agent("a", answering("here", shown))
    monkeypatch.setattr(claims, "intent_of", lambda row: replace(intent_of(row), is_in_doubt=True))
    await again.hear(chat_id, 1)
    await world.say(chat_id, "two")
    await again.hear(chat_id, 2)

    assert await contents(world, chat_id, "a") == ["here to two"]
    (parked,) = await again.journal.unresolved("a")
    assert parked.state is IntentState.UNKNOWN
    assert [told.send for told in again.memory.named("send.parked")] == [parked.name]


async def test_what_another_host_has_said_before_it_fell_silent_counts_as_said(world, monkeypatch):
    shown = []
    agent = await world.agent("a", answering("there", shown))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "one")
    world.backend.faults.lose_answer_and_history()
    await agent.hear(chat_id, 1)
    world.backend.faults.clear()
    await agent.journal.close()

    again = await world.agent("a", answering("here", shown))
    monkeypatch.setattr(claims, "intent_of", lambda row: replace(intent_of(row), is_in_doubt=True))
    again.clock.ahead += DOWNTIME_SECONDS
    await again.hear(chat_id, 1)

    assert await contents(world, chat_id, "a") == ["there to one"]
    assert await again.journal.unresolved("a") == []


async def test_whoever_has_lost_the_delivery_says_nothing(world):
    """Frozen since its intent, it finds out before the request."""
    shown = []
    agent = await world.agent("a", answering("there", shown))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "one")

    async def is_lost(_delivery):
        return False

    agent.journal.keeps_claim = is_lost
    await agent.hear(chat_id, 1)

    assert shown == [["one"]]
    assert await contents(world, chat_id, "a") == []


async def test_what_was_stored_before_a_downtime_counts_as_said(world):
    """Only its answer was lost: the handler is asked again, and its first words are those that stand there."""
    shown = []
    agent = await world.agent("a", answering("at once", shown))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "one")
    world.backend.faults.lose_answer_and_history()
    await agent.hear(chat_id, 1)
    world.backend.faults.clear()
    await agent.journal.close()

    again = await world.agent("a", answering("after a while", shown))
    again.clock.ahead += DOWNTIME_SECONDS
    await world.say(chat_id, "two")
    await again.hear(chat_id, 3)

    assert shown == [["one"], ["one", "two"]]
    assert await contents(world, chat_id, "a") == ["at once to one"]


@pytest.mark.parametrize(
    ("looks", "expected"), [(False, ["re: one"]), (True, ["re: one", "re: two"])], ids=["blindly", "looking"]
)
async def test_an_accepted_reply_stands_when_its_run_fails_and_whoever_looks_can_answer_what_came_since(
    world, looks, expected
):
    """It is the first reply of each run; its number tells that it was said before the newest message."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        newest = ctx.messages[-1]
        sent = await ctx.reply(f"re: {newest.content}")
        if looks and sent.seq < newest.seq:
            await ctx.reply(f"re: {newest.content}")
        if len(shown) < 3:
            raise ValueError

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "one")
    await agent.hear(chat_id, 1)
    await world.say(chat_id, "two")
    for _ in range(2):
        agent.clock.ahead += 60
        await agent.hear(chat_id, 3)

    assert shown == [["one"], ["one", "two"], ["one", "two"]]
    assert await contents(world, chat_id, "a") == expected
    assert (await agent.journal.statistics("a")).due == 0
