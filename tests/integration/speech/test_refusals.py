"""
Replies that the backend refuses, before handlers that carry on.

Whatever the next run finds recorded stands in its own place: nothing is said twice, and nothing takes the place of
something else.
"""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.intent import IntentState
from mycel_runtime.plugin.outcome import Retry
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_unresolved_sends import HISTORY, contents

WAIT_SECONDS = 60.0

WORDS = ("one", "two", "three")


def carrying_on(runs, *, words=WORDS, error=ValueError, on_conflict="rerun"):
    """A handler that swallows what becomes of its replies, and fails once at the end."""
    plugin = Plugin("p")

    @plugin.on_message(on_conflict=on_conflict)
    async def answer(ctx):
        runs.append(ctx.attempt)
        for text in words:
            try:
                await ctx.reply(text)
            except Exception:  # noqa: BLE001 - what many authors write
                continue
        if len(runs) == 1 and error:
            raise error

    return plugin


async def start(world, plugin, **dispatch):
    agent = await world.agent("a", plugin, **dispatch)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


async def hear_twice(agent, chat_id):
    await agent.hear(chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    assert await agent.journal.unresolved("a") == []
    assert (await agent.journal.statistics("a")).due == 0


@pytest.mark.parametrize("error", [ValueError, Retry])
@pytest.mark.parametrize("path", [HISTORY, f"{HISTORY}/read"])
@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_refused_reply_gives_its_place_to_no_other(world, status, path, error):
    """The read comes before any intent is written, so that nothing stands in the place of the first reply."""
    runs = []
    agent, chat_id = await start(world, carrying_on(runs, error=error))
    world.backend.faults.refuse(status, 1, path=path, method="POST")
    await hear_twice(agent, chat_id)

    assert len(runs) == 2
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_it_does_not_matter_which_of_the_replies_is_refused(world, place):
    runs = []
    agent, chat_id = await start(world, carrying_on(runs))
    world.backend.faults.refuse(403, 1, path=HISTORY, method="POST", skip=place)
    await hear_twice(agent, chat_id)

    assert len(runs) == 2
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


async def test_a_conflict_that_the_handler_asked_to_be_told_gives_its_place_to_no_other_reply(world):
    runs = []
    agent, chat_id = await start(world, carrying_on(runs, on_conflict="raise"))
    world.backend.faults.refuse(409, 3, path=HISTORY, method="POST")
    await hear_twice(agent, chat_id)

    assert len(runs) == 2
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


async def test_a_reply_that_is_tried_again_until_it_is_taken_is_not_repeated_by_the_next_run(world):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        for text in WORDS:
            for _ in range(3):
                try:
                    await ctx.reply(text)
                except Exception:  # noqa: BLE001 - what many authors write
                    continue
                break
        if len(runs) == 1:
            raise ValueError

    agent, chat_id = await start(world, plugin)
    world.backend.faults.refuse(403, 2, path=HISTORY, method="POST")
    await hear_twice(agent, chat_id)

    assert len(runs) == 2
    assert await contents(world, chat_id, "a") == list(WORDS)


async def test_a_refused_reply_keeps_its_place_over_a_run_that_was_overtaken(world):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        for text in WORDS:
            if text == "three" and len(runs) == 1:
                await world.say(ctx.chat_id, "y")
            try:
                await ctx.reply(text)
            except Exception:  # noqa: BLE001 - what many authors write
                continue

    agent, chat_id = await start(world, plugin)
    world.backend.faults.refuse(403, 1, path=HISTORY, method="POST")
    await hear_twice(agent, chat_id)

    assert runs == [["x"], ["x", "y"]]
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


async def test_what_was_said_before_an_overtaken_reply_is_not_said_again(world):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append([message.content for message in ctx.messages])
        await ctx.reply("one")
        if len(runs) == 1:
            await world.say(ctx.chat_id, "y")
        await ctx.reply("two")

    agent, chat_id = await start(world, plugin)
    await hear_twice(agent, chat_id)

    assert runs == [["x"], ["x", "y"]]
    assert await contents(world, chat_id, "a") == ["one", "two"]


async def test_a_second_reply_that_meets_a_403_is_tried_again_and_the_first_is_not(world):
    """Nobody swallows it: the delivery itself is tried again (Q52)."""
    plugin, attempts = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        attempts.append(ctx.attempt)
        for text in WORDS:
            await ctx.reply(text)

    agent, chat_id = await start(world, plugin)
    world.backend.faults.refuse(403, 2, path=HISTORY, method="POST", skip=1)
    await agent.hear(chat_id)
    agent.clock.ahead += 60
    await hear_twice(agent, chat_id)

    assert attempts == [1, 2, 3]
    assert await contents(world, chat_id, "a") == list(WORDS)


async def test_a_crash_between_a_refusal_and_its_record_costs_nothing(world):
    """The next process finds an intent without an outcome in the first place, and nothing behind it."""
    runs = []
    agent, chat_id = await start(world, carrying_on(runs, error=None))
    world.backend.faults.refuse(403, 1, path=HISTORY, method="POST")
    refused = asyncio.Event()

    async def never(_intent):
        refused.set()
        await asyncio.Event().wait()

    agent.journal.settle = never
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(agent.hear(chat_id))
        async with asyncio.timeout(WAIT_SECONDS):
            await refused.wait()
        life.cancel()
    await agent.journal.close()

    again = await world.agent("a", carrying_on(runs, error=None))
    assert [doubt.state for doubt in await again.journal.unresolved("a")] == [IntentState.INTENDED]
    await hear_twice(again, chat_id)

    assert await contents(world, chat_id, "a") == list(WORDS)


async def test_a_crash_after_a_refusal_that_was_swallowed_leaves_every_reply_in_its_place(world):
    plugin, runs, is_third = Plugin("p"), [], asyncio.Event()

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        for text in WORDS:
            if text == "three" and len(runs) == 1:
                is_third.set()
                await asyncio.Event().wait()
            try:
                await ctx.reply(text)
            except Exception:  # noqa: BLE001 - what many authors write
                continue

    agent, chat_id = await start(world, plugin)
    world.backend.faults.refuse(403, 1, path=HISTORY, method="POST")
    async with asyncio.TaskGroup() as tasks:
        life = tasks.create_task(agent.hear(chat_id))
        async with asyncio.timeout(WAIT_SECONDS):
            await is_third.wait()
        life.cancel()
    await agent.journal.close()

    await hear_twice(await world.agent("a", plugin), chat_id)

    assert len(runs) == 2
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


async def test_a_doubt_before_a_refusal_is_settled_and_both_keep_their_places(world):
    runs = []
    agent, chat_id = await start(world, carrying_on(runs))
    world.backend.faults.lose_answer()
    world.backend.faults.refuse(403, 1, path=HISTORY, method="POST", skip=1)
    await hear_twice(agent, chat_id)

    assert len(runs) == 2
    assert sorted(await contents(world, chat_id, "a")) == sorted(WORDS)


@pytest.mark.parametrize("status", [403, 409])
async def test_a_refusal_is_the_backends_own_though_it_has_the_words_in_it(world, status):
    """A short reply is found in many an answer, which is then kept out of the logs."""
    agent, chat_id = await start(world, carrying_on([], words=("fault",), error=None))
    world.backend.faults.refuse(status, 1, path=HISTORY, method="POST")
    await agent.hear(chat_id)

    assert agent.memory.named("send.unresolved") == []
