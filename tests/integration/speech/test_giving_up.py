"""A handler's own patience, and what the person hears when it is at its end: once, and nothing that is stale."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from mycel_runtime.journal.suspicion import Suspicion
from mycel_runtime.plugin.outcome import Reject
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import load_plugins
from tests.integration.speech.test_unresolved_sends import contents

pytestmark = pytest.mark.slow

SORRY = "I could not answer that."


class Failing:
    """A plugin whose handler fails after what it is told to do, as often as it is run."""

    def __init__(self, *steps, exc=ValueError, **options):
        self.plugin, self.runs = Plugin("p"), 0

        @self.plugin.on_message(**{"max_attempts": 2, "on_give_up": SORRY} | options)
        async def fail(ctx):
            self.runs += 1
            for step in steps:
                await step(ctx)
            raise exc(str(self.runs))


async def give_up(world, agent, text="hello"):
    """Say it, and let the agent run out of attempts."""
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, text)
    await agent.hear(chat_id)
    await go_on(agent)
    return chat_id


async def go_on(agent):
    for _ in range(10):
        agent.clock.ahead += 1.0
        await agent.deliver()


async def reasons(agent):
    return [letter.reason for letter in await agent.journal.dead_letters("a")]


async def test_a_handlers_own_timeout_ends_its_runs(world):
    failing = Failing(lambda _: asyncio.Event().wait(), timeout=0.05, max_attempts=1, on_give_up=None)
    agent = await world.agent("a", failing.plugin, handler_timeout=100)

    chat_id = await give_up(world, agent)

    assert await reasons(agent) == ["deadline passed"]
    assert await contents(world, chat_id, "a") == []


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_handler_is_tried_as_often_as_it_says_and_the_person_is_told_once(world, attempts):
    failing = Failing(max_attempts=attempts)
    agent = await world.agent("a", failing.plugin)

    chat_id = await give_up(world, agent)

    assert failing.runs == attempts
    assert await contents(world, chat_id, "a") == [SORRY]
    assert await reasons(agent) == ["ValueError"]

    await give_up(world, agent, "again")
    assert await contents(world, chat_id, "a") == [SORRY, SORRY]


async def test_what_was_replied_before_stands_and_the_last_words_follow(world):
    async def reply(ctx):
        await ctx.reply("one moment")

    agent = await world.agent("a", Failing(reply).plugin)

    assert await contents(world, await give_up(world, agent), "a") == ["one moment", SORRY]


async def test_nobody_is_told_of_what_the_handler_rejects(world):
    agent = await world.agent("a", Failing(exc=Reject).plugin)

    assert await contents(world, await give_up(world, agent), "a") == []
    assert await reasons(agent) == ["Reject: 1"]


async def test_a_rejection_that_is_not_told_yet_is_told_at_once(world):
    failing = Failing(exc=lambda why: Reject(why, is_told=False), max_attempts=8)
    agent = await world.agent("a", failing.plugin)

    assert await contents(world, await give_up(world, agent), "a") == [SORRY]
    assert (failing.runs, await reasons(agent)) == (1, ["Reject: 1"])


async def test_words_that_somebody_has_overtaken_are_dropped_and_his_are_the_next_turn(world):
    runs = []

    async def interrupted(ctx):
        runs.append([message.content for message in ctx.messages])
        if len(runs) == 1:
            await world.say(ctx.chat_id, "are you there?")

    agent = await world.agent("a", Failing(interrupted, max_attempts=1).plugin)

    chat_id = await give_up(world, agent)

    assert runs == [["hello"], ["are you there?"]]
    assert await contents(world, chat_id, "a") == [SORRY]
    assert [message["content"] for message in await world.owner.messages.list(chat_id)] == [
        "hello",
        "are you there?",
        SORRY,
    ]


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_process_that_dies_while_it_gives_up_tells_once(world, point):
    """Before the words are recorded, though they are stored; and after that, before the dead letter is written."""
    failing = Failing(max_attempts=1)
    agent = await world.agent("a", failing.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    reached = asyncio.Event()

    async def stop(*_, **__):
        reached.set()
        await asyncio.Event().wait()

    if point == "after":
        agent.journal.bury = stop
    else:
        world.backend.faults.lose_answer_and_history()
        agent.journal.postpone = stop
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        dying = tasks.create_task(agent.hear(chat_id))
        await reached.wait()
        dying.cancel()
    world.backend.faults.clear()
    await agent.journal.close()

    again = await world.agent("a", failing.plugin)
    await go_on(again)

    assert failing.runs == 2
    assert await contents(world, chat_id, "a") == [SORRY]
    assert await reasons(again) == ["ValueError"]
    assert await again.journal.unresolved("a") == []


async def test_a_dead_letter_that_is_tried_again_and_fails_again_tells_nobody_twice(world):
    failing = Failing(max_attempts=1)
    agent = await world.agent("a", failing.plugin)
    chat_id = await give_up(world, agent)

    (letter,) = await agent.journal.dead_letters("a")
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await go_on(agent)

    assert failing.runs == 2
    assert await contents(world, chat_id, "a") == [SORRY]


async def test_a_backend_that_does_not_answer_puts_it_off(world):
    failing = Failing(max_attempts=1)
    agent = await world.agent("a", failing.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    world.backend.faults.refuse(503, 2, method="POST", path=r"/api/chats/[^/]+/messages.*")

    await agent.hear(chat_id)
    await go_on(agent)

    assert failing.runs > 1
    assert await contents(world, chat_id, "a") == [SORRY]
    assert await reasons(agent) == ["ValueError"]


async def test_a_delivery_that_the_process_died_of_is_told_of_without_running_anything(world):
    failing = Failing()
    agent = await world.agent("a", failing.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "poison")
    claim = agent.journal.claim

    async def deadly(*args, **kwargs):
        suspicion = Suspicion(deaths=3, through_seq=1, message_ids=("m",))
        return [dataclasses.replace(each, suspicion=suspicion) for each in await claim(*args, **kwargs)]

    agent.journal.claim = deadly
    await agent.hear(chat_id)

    assert failing.runs == 0
    assert await contents(world, chat_id, "a") == [SORRY]
    assert await reasons(agent) == ["the process died 3 times while nothing else was suspect"]


PLUGIN = """
from mycel_runtime import MessageContext, Plugin, SyncMessageContext

plugin = Plugin("sorry")

async def tell(ctx: MessageContext) -> None:
    await ctx.reply(f"{ctx.messages[-1].content}: {ctx.failure}")
    raise ValueError

def tell_plainly(ctx: SyncMessageContext) -> None:
    ctx.reply(f"{ctx.messages[-1].content}: {ctx.failure}")

@plugin.on_message(pattern="^a", max_attempts=2, on_give_up=tell)
def awaited(ctx: SyncMessageContext) -> None:
    assert not ctx.failure
    raise KeyError

@plugin.on_message(pattern="^p", max_attempts=2, on_give_up=tell_plainly)
async def plain(ctx: MessageContext) -> None:
    assert not ctx.failure
    raise KeyError
"""


@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_a_function_says_it_in_its_own_words(world, tmp_path, isolation):
    (tmp_path / "sorry.py").write_text(PLUGIN)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"sorry": {"path": "sorry.py", "isolation": isolation}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=60)

    await give_up(world, agent, "async")
    chat_id = await give_up(world, agent, "plain")

    assert await contents(world, chat_id, "a") == ["async: KeyError", "plain: KeyError"]
    assert sorted(await reasons(agent)) == ["KeyError", "KeyError; and on_give_up failed: ValueError"]
