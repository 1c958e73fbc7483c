"""What is paused is neither read nor said, and nothing of it is lost; the others go on."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime import Plugin
from mycel_runtime.journal.pause import PauseKind
from tests.integration.speech.speaking import call, direct, group, said

DEADLINE = 10.0

pytestmark = pytest.mark.slow


def repeater(name="p"):
    plugin = Plugin(name)

    @plugin.on_message
    async def answer(ctx):
        for message in ctx.messages:
            await ctx.reply(f"{name}: {message.content}")

    return plugin


@pytest.mark.parametrize("kind", list(PauseKind))
async def test_nothing_is_lost_and_all_is_answered_once_and_in_order_after_a_restart(world, kind):
    agent = await world.agent("agent", repeater())
    here, there = await direct(world), await group(world, "agent")
    name = {"agent": "", "chat": here, "plugin": "p"}[kind.value]
    await world.say(here, "one")
    await agent.hear(here)
    assert await agent.parts.pauses.pause(kind, name)
    for text in ("two", "three"):
        await world.say(here, text)
        await agent.hear(here)
    await world.say(there, "elsewhere")
    await agent.hear(there)
    assert await said(world, here) == ["p: one"]
    assert await said(world, there) == (["p: elsewhere"] if kind is PauseKind.CHAT else [])

    await agent.journal.close()
    agent = await world.agent("agent", repeater())
    assert [(pause.kind, pause.name) for pause in agent.parts.pauses.all] == [(kind, name)]
    await agent.hear(here)
    assert await said(world, here) == ["p: one"]
    assert await agent.parts.pauses.resume(kind, name)
    await agent.deliver()

    assert await said(world, here) == ["p: one", "p: two", "p: three"]
    assert await said(world, there) == ["p: elsewhere"]
    assert not await agent.parts.pauses.resume(kind, name)


async def test_a_run_that_goes_on_says_nothing_more_and_is_run_again_from_what_it_has_said(world):
    """An operator who pauses a talker wants silence now, not after the next five minutes of it."""
    plugin, begun, go_on = Plugin("p"), asyncio.Event(), asyncio.Event()

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply("first")
        begun.set()
        await go_on.wait()
        await ctx.reply("second")

    agent, here = await world.agent("agent", plugin), await direct(world)
    await world.say(here, "hello")
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.hear(here))
        await begun.wait()
        await agent.parts.pauses.pause(PauseKind.CHAT, here)
        go_on.set()
    assert await said(world, here) == ["first"]
    assert await agent.parts.pauses.resume(PauseKind.CHAT, here)
    await agent.deliver()

    assert await said(world, here) == ["first", "second"]
    assert agent.memory.named("delivery.postponed") == []
    assert [fact.name for fact in agent.memory.facts if fact.name.startswith("pause.")] == [
        "pause.begun",
        "pause.ended",
    ]


async def test_what_is_resumed_between_its_claim_and_its_end_is_not_forgotten(world):
    """Its claim was passed over because of the pause, and the end of the pause has come before that was written."""
    agent, here = await world.agent("agent", repeater()), await direct(world)
    await world.say(here, "hello")
    await agent.parts.pauses.pause(PauseKind.PLUGIN, "p")
    await agent.take(*agent.hint(here))
    (claimed,) = await agent.journal.claim("agent", limit=1)
    dispatcher = agent.parts.dispatcher
    passed_over = await dispatcher._run(claimed)
    await agent.parts.pauses.resume(PauseKind.PLUGIN, "p")
    await dispatcher.ends.write(claimed, passed_over, took=0.0)
    await agent.deliver()

    assert await said(world, here) == ["p: hello"]


async def test_nobody_waits_for_a_handler_that_is_paused_before_speaking_first(world):
    """As for one that is left alone; it is shown what was said, when it is back."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message(chat="direct", pattern="^go")
    async def caller(ctx):
        await ctx.say(chats["group"], "said first", on_conflict="wait")

    paused = Plugin("q")

    @paused.on_message(chat="group")
    async def listener(ctx):
        shown.extend(message.content for message in ctx.messages)

    plugin.adopt([*plugin.handlers, *paused.handlers])
    agent = await world.agent("agent", plugin)
    here, chats = await direct(world), {"group": await group(world, "agent")}
    await agent.parts.pauses.pause(PauseKind.PLUGIN, "q")
    await world.say(chats["group"], "unseen")
    await agent.hear(chats["group"])
    await call(world, agent, here)
    assert (shown, await said(world, chats["group"])) == ([], ["said first"])
    await agent.parts.pauses.resume(PauseKind.PLUGIN, "q")
    await agent.deliver()

    assert shown == ["unseen"]
