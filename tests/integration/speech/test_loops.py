"""Agents that answer each other stop, however many they are and however slowly they talk; with a human never."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.plugin import Plugin

TEN_MINUTES = 600.0
TURNS = 6


def talkative():
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply(f"{ctx.me} answers {ctx.messages[-1].seq}")

    return plugin


async def said_by(world, chat_id, name):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == name]


async def pass_time(agents, chat_id, hours):
    """A look at the chat every ten simulated minutes, in turn."""
    for _ in range(int(hours * 6)):
        for agent in agents:
            agent.clock.ahead += TEN_MINUTES / len(agents)
            await agent.hear(chat_id)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4], ids=["pair", "ring of four"])
async def test_a_conversation_of_agents_ends_within_the_budget_even_over_a_restart(world, count):
    names = [f"agent-{number}" for number in range(count)]
    agents = [await world.agent(name, talkative()) for name in names]
    group = (await world.owner.chats.create(names, kind="group", title="g"))["id"]
    await agents[0].sdk.messages.send(group, "anybody?", enforce_caught_up=False)

    await pass_time(agents, group, 0.5)
    for agent in agents:
        await agent.journal.close()
    again = [await world.agent(name, talkative()) for name in names]
    for agent in again:
        agent.clock.ahead += 3 * 3600
    await pass_time(again, group, 12)

    for name, before, after in zip(names, agents, again, strict=True):
        own = len(await said_by(world, group, name)) - (name == names[0])
        assert 0 < own <= TURNS
        # Whoever falls silent first lets the others off before they reach their own budget.
        assert len(before.memory.named("guard.tripped") + after.memory.named("guard.tripped")) <= 1
    assert any(agent.memory.named("guard.tripped") for agent in (*agents, *again))


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


async def test_with_a_human_in_view_nothing_is_counted(world):
    agent = await world.agent("a", talkative(), guard={"turns": 1, "chat_sends": 1, "plugin_sends": 1})
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    for number in range(30):
        await world.say(chat_id, f"{number}")
        await agent.hear(chat_id)

    assert len(await said_by(world, chat_id, "a")) == 30
    assert agent.memory.named("guard.tripped") == []
