"""Handlers that give up waiting, speak in parallel, or swallow what ends their run: nothing is said twice for it."""

from __future__ import annotations

import asyncio

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_doubts import HISTORY, contents


def keep_answer(agent):
    """The next send is stored, and its answer does not come."""
    send = agent.sdk.messages.send

    async def kept(*args, **kwargs):
        agent.sdk.messages.send = send
        await send(*args, **kwargs)
        await asyncio.Event().wait()

    agent.sdk.messages.send = kept


async def start(world, plugin):
    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


def lose_answer_and_history(world):
    world.backend.faults.lose_answer()
    world.backend.faults.refuse(500, 1_000, method="GET", path=HISTORY)
    world.backend.faults._faults[-1].skip = 1  # the first reading shows the handler its message


async def recover(world, agent):
    world.backend.faults.clear()
    for _ in range(3):
        agent.clock.ahead += 60
        await agent.deliver()
    assert await agent.journal.doubts("a") == []


async def test_a_reply_that_the_handler_stopped_waiting_for_is_not_repeated(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        try:
            await asyncio.wait_for(ctx.reply("one"), 0.5)
        except TimeoutError:
            await ctx.reply("one")
        await ctx.reply("two")

    agent, chat_id = await start(world, plugin)
    keep_answer(agent)
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_what_the_handler_stopped_waiting_for_is_known_before_its_turn_ends(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        try:
            await asyncio.wait_for(ctx.reply("one"), 0.5)
        except TimeoutError:
            return

    agent, chat_id = await start(world, plugin)
    keep_answer(agent)
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["one"]
    assert await agent.journal.doubts("a") == []


async def test_replies_at_the_same_time_are_said_once_though_the_first_is_in_doubt(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await asyncio.gather(ctx.reply("one"), ctx.reply("two"))

    agent, chat_id = await start(world, plugin)
    lose_answer_and_history(world)
    await agent.hear(chat_id)
    await recover(world, agent)

    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_a_handler_that_swallows_everything_repeats_nothing_that_is_in_doubt(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        for _ in range(3):
            try:
                await ctx.reply("one")
            except BaseException:  # noqa: BLE001 - what the most careless author writes
                continue
            break

    agent, chat_id = await start(world, plugin)
    lose_answer_and_history(world)
    await agent.hear(chat_id)
    await recover(world, agent)

    assert await contents(world, chat_id, "a") == ["one"]


async def test_a_handler_that_swallows_an_outage_is_asked_again_after_it(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        try:
            await ctx.reply("one")
        except BaseException:  # noqa: BLE001 - what the most careless author writes
            return

    agent, chat_id = await start(world, plugin)
    world.backend.faults.drop_request(times=1, method="POST", path=f"{HISTORY}/read")
    await agent.hear(chat_id)
    await recover(world, agent)

    assert await contents(world, chat_id, "a") == ["one"]
