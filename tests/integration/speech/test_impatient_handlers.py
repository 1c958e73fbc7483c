"""Handlers that give up waiting, speak in parallel, or swallow what ends their run: nothing is said twice for it."""

from __future__ import annotations

import asyncio

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.conftest import insist
from tests.integration.speech.test_unresolved_sends import HISTORY, contents

WAIT_SECONDS = 60.0


def keep_answer(agent, is_stored):
    """The next send is stored, which the event tells, and its answer does not come."""
    send = agent.sdk.messages.send

    async def kept(*args, **kwargs):
        agent.sdk.messages.send = send
        await send(*args, **kwargs)
        is_stored.set()
        await asyncio.Event().wait()

    agent.sdk.messages.send = kept


async def give_up(reply, is_stored):
    """As `asyncio.wait_for` does, however long it takes until the reply is stored."""
    replying = asyncio.get_running_loop().create_task(reply)
    await is_stored.wait()
    replying.cancel()
    await asyncio.wait([replying])


def watch_answer(agent):
    """Set when the next send is answered."""
    send, answered = agent.sdk.messages.send, asyncio.Event()

    async def watched(*args, **kwargs):
        agent.sdk.messages.send = send
        try:
            return await send(*args, **kwargs)
        finally:
            answered.set()

    agent.sdk.messages.send = watched
    return answered


BY_THE_CLOCK = {"retry_base": 20.0, "retry_cap": 50.0}
"""The next run comes when the clock is moved, and not sooner on a busy machine."""


async def start(world, plugin, **dispatch):
    agent = await world.agent("a", plugin, **dispatch)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


def impatient(afterwards):
    """A handler that stops waiting for its reply, and what tells it when."""
    plugin, is_stored = Plugin("p"), asyncio.Event()

    @plugin.on_message
    async def answer(ctx):
        await give_up(ctx.reply("one"), is_stored)
        await afterwards(ctx)

    return plugin, is_stored


async def recover(world, agent):
    world.backend.faults.clear()
    for _ in range(3):
        agent.clock.ahead += 60
        await agent.deliver()
    assert await agent.journal.unresolved("a") == []


async def test_a_reply_that_the_handler_stopped_waiting_for_is_not_repeated(world):
    async def say_it_again(ctx):
        await ctx.reply("one")
        await ctx.reply("two")

    plugin, is_stored = impatient(say_it_again)
    agent, chat_id = await start(world, plugin)
    keep_answer(agent, is_stored)
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_a_reply_that_the_handler_stopped_waiting_for_gives_its_place_to_no_other(world):
    """Stored or not, recorded or not: the next reply is another one, in this run and in the next."""
    plugin, runs, is_stored = Plugin("p"), [], asyncio.Event()

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        if len(runs) == 1:
            await give_up(ctx.reply("one"), is_stored)
            await ctx.reply("late")
        else:
            await ctx.reply("one")
        await ctx.reply("two")
        if len(runs) == 1:
            raise ValueError

    agent, chat_id = await start(world, plugin)
    keep_answer(agent, is_stored)
    await agent.hear(chat_id)
    assert await contents(world, chat_id, "a") == ["one", "late", "two"]

    agent.clock.ahead += 60
    await agent.deliver()
    assert len(runs) == 2
    assert await contents(world, chat_id, "a") == ["one", "late", "two"]


async def test_a_reply_that_was_given_up_before_anything_was_sent_is_said_by_the_next_run_and_no_other_twice(
    world,
):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        is_first = len(runs) == 1

        async def impatiently():
            try:
                await asyncio.wait_for(ctx.reply("two"), 0.1 if is_first else WAIT_SECONDS)
            except TimeoutError:
                return

        await asyncio.gather(
            ctx.reply("one"), impatiently(), asyncio.wait_for(ctx.reply("three"), WAIT_SECONDS)
        )
        if is_first:
            raise ValueError

    agent, chat_id = await start(world, plugin, **BY_THE_CLOCK)
    world.backend.faults.delay(1.0, method="POST", path=HISTORY)
    await agent.hear(chat_id)
    assert await contents(world, chat_id, "a") == ["one", "three"]

    agent.clock.ahead += 60
    await agent.deliver()
    assert len(runs) == 2
    assert await contents(world, chat_id, "a") == ["one", "three", "two"]


async def test_nothing_else_is_said_while_it_is_in_doubt_what_became_of_a_reply_that_was_given_up(world):
    """It is still on its way: stored after the first look, and before the last."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        task = asyncio.get_running_loop().create_task(ctx.reply("one"))
        await under_way.wait()
        task.cancel()
        await ctx.reply("two")

    agent, chat_id = await start(world, plugin)
    messages, under_way, arrive = agent.sdk.messages, asyncio.Event(), []
    send, look = messages.send, messages.list

    async def hold(*args, **kwargs):
        messages.send = send
        arrive.append(lambda: send(*args, **kwargs))
        under_way.set()
        await asyncio.Event().wait()

    async def looked(*args, **kwargs):
        page = await look(*args, **kwargs)
        if arrive:
            await arrive.pop()()
        return page

    messages.send, messages.list = hold, looked
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_what_the_handler_stopped_waiting_for_is_known_before_its_turn_ends(world):
    async def say_nothing(_):
        pass

    plugin, is_stored = impatient(say_nothing)
    agent, chat_id = await start(world, plugin)
    keep_answer(agent, is_stored)
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["one"]
    assert await agent.journal.unresolved("a") == []


async def test_replies_at_the_same_time_are_said_once_though_the_first_is_in_doubt(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await asyncio.gather(ctx.reply("one"), ctx.reply("two"))

    agent, chat_id = await start(world, plugin)
    world.backend.faults.lose_answer_and_history()
    await agent.hear(chat_id)
    assert len(await agent.journal.unresolved("a")) == 1
    await recover(world, agent)

    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_a_handler_that_swallows_everything_repeats_nothing_that_is_in_doubt(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await insist(ctx, "one")

    agent, chat_id = await start(world, plugin)
    world.backend.faults.lose_answer_and_history()
    await agent.hear(chat_id)
    assert len(await agent.journal.unresolved("a")) == 1
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


async def test_a_reply_that_nobody_awaits_is_waited_for_when_the_handler_returns(world):
    plugin, tasks = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        tasks.append(asyncio.get_running_loop().create_task(ctx.reply("one")))
        await asyncio.sleep(0)

    agent, chat_id = await start(world, plugin)
    world.backend.faults.delay(0.5, method="POST", path=HISTORY)
    await agent.hear(chat_id)

    assert [fact.sends for fact in agent.memory.named("delivery.finished")] == [1]
    assert await contents(world, chat_id, "a") == ["one"]


async def test_a_reply_under_way_beside_something_that_fails_is_not_repeated_by_the_next_run(world):
    """`gather` leaves it running; the next run must not look for it before it can have arrived."""
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)

        async def fail():
            await asyncio.sleep(0.1)
            if len(runs) == 1:
                raise ValueError

        await asyncio.gather(ctx.reply("one"), fail())

    agent, chat_id = await start(world, plugin, **BY_THE_CLOCK)
    world.backend.faults.delay(1.0, method="POST", path=HISTORY)
    answered = watch_answer(agent)
    await agent.hear(chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    async with asyncio.timeout(WAIT_SECONDS):
        await answered.wait()

    assert len(runs) == 2
    assert await contents(world, chat_id, "a") == ["one"]
