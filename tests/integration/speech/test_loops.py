"""Agents that answer each other stop, however many they are and however slowly they talk; with a human never."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.loops import SHAPES, attended, day, talkative, wrongs


async def said_by(world, chat_id, name):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == name]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_conversation_of_agents_ends_within_the_budget_and_for_the_day_over_restarts(world, shape):
    assert wrongs(await day(world, shape)) == []


async def test_a_humans_message_releases_the_chat(world):
    agent = await world.agent("a", talkative(), guard={"turns": 2})
    peer = await world.user("peer")
    group = (await world.owner.chats.create(["a", "peer"], kind="group", title="g"))["id"]
    for number in range(4):
        await peer.messages.send(group, f"{number}", enforce_caught_up=False)
        await agent.hear(group)
    assert len(await said_by(world, group, "a")) == 2
    (tripped,) = agent.memory.named("guard.tripped")
    assert (tripped.chat_id, tripped.reason) == (group, "2 turns without a human")

    await world.say(group, "go on")
    await agent.hear(group)

    assert len(await said_by(world, group, "a")) == 3
    assert len(agent.memory.named("guard.released")) == 1
    assert await agent.journal.holds("a") == []


async def test_a_handler_may_know_how_near_the_guard_is(world):
    plugin, seen = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        seen.append((ctx.guard.turns, ctx.guard.turns_left, ctx.guard.is_held))
        await ctx.reply("ok")

    agent = await world.agent("a", plugin, guard={"turns": 2})
    peer = await world.user("peer")
    chat_id = (await peer.chats.ensure_direct("a"))["id"]
    for number in range(4):
        await peer.messages.send(chat_id, f"{number}", enforce_caught_up=False)
        await agent.hear(chat_id)

    assert seen == [(0, 2, False), (1, 1, False), (2, 0, True), (2, 0, True)]


async def test_one_turn_cannot_flood_a_chat_without_a_human(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def flood(ctx):
        for number in range(100):
            await ctx.reply(f"{number}")

    agent = await world.agent("a", plugin, guard={"chat_sends": 5})
    peer = await world.user("peer")
    chat_id = (await peer.chats.ensure_direct("a"))["id"]
    await peer.messages.send(chat_id, "x", enforce_caught_up=False)
    await agent.hear(chat_id)

    history = await peer.messages.list(chat_id, limit=200)
    assert len([message for message in history if message["sender_id"] == "a"]) == 5
    assert len(agent.memory.named("guard.tripped")) == 1


@pytest.mark.slow
async def test_with_a_human_in_view_nothing_is_counted(world):
    turns = 120

    assert await attended(world, turns) == (turns, 0, 0)
