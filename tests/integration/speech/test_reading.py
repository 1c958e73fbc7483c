"""`ctx.read`: a plugin is shown each message once, be it in its chat's lane or where it asks for it."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from mycel_runtime import Plugin, Reject
from mycel_runtime.backend.quirks import Quirks
from tests.integration.speech.speaking import direct, group, written_agent

pytestmark = pytest.mark.slow

MESSAGES = 30

GENERATIONS = {"a": {"generation": "a", "quirks": Quirks(check_then_write=False)}, "b": {}}


async def say(world, chat_id, *texts):
    for text in texts:
        await world.say(chat_id, text)


async def call(world, agent, here, text="go"):
    """What the agent says to it."""
    await world.say(here, text)
    await agent.hear(here)
    return await said(world, here)


async def said(world, chat_id, by="agent"):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == by]


def reader(read, plugin=None):
    """A plugin that reads when it is told to in its direct chat; it replies with what `read(ctx)` returns."""
    plugin = plugin or Plugin("p")

    @plugin.on_message(chat="direct", pattern="^go")
    async def call(ctx):
        texts = [message.content for message in await read(ctx)]
        await ctx.reply(json.dumps(texts))

    return plugin


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_what_the_plugin_was_not_shown_is_returned_page_by_page_and_once(world, options):
    there, sizes = [], []

    async def read(ctx):
        found = []
        while page := await ctx.read(there[0], 2):
            sizes.append(len(page))
            found += page
        return found

    agent = await world.agent("agent", reader(read))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "two", "three")
    unread = await agent.sdk.messages.unread(there[0])

    assert await call(world, agent, here) == ['["one", "two", "three"]']
    assert sizes == [2, 1]
    # Nothing has moved on the server.
    assert await agent.sdk.messages.unread(there[0]) == unread
    await say(world, there[0], "four")
    assert (await call(world, agent, here))[1:] == ['["four"]']
    assert (await call(world, agent, here))[2:] == ["[]"]


async def test_a_page_that_was_read_is_read_again_unless_its_run_has_ended_well(world):
    there, outcomes = [], ["raise", "end"]

    async def read(ctx):
        first = await ctx.read(there[0], 1)
        if (outcome := outcomes.pop(0)) == "raise":
            raise LookupError
        assert outcome == "end"
        return first

    agent = await world.agent("agent", reader(read))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "two")

    await call(world, agent, here)
    agent.clock.ahead += 5
    await agent.deliver()
    assert await said(world, here) == ['["one"]']
    outcomes.append("end")
    assert (await call(world, agent, here))[1:] == ['["two"]']


async def test_one_that_is_given_up_has_read_nothing(world):
    there, is_rejected = [], [True]

    async def read(ctx):
        found = await ctx.read(there[0])
        if is_rejected.pop():
            raise Reject("no")
        return found

    agent = await world.agent("agent", reader(read))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one")
    await call(world, agent, here)

    is_rejected.append(False)
    assert await call(world, agent, here) == ['["one"]']


async def test_what_the_plugins_own_handlers_want_is_theirs_and_other_plugins_hear_all(world):
    there, heard = [], []
    plugin = Plugin("p")

    @plugin.on_message(chat="group", pattern="^!")
    async def command(ctx):
        heard.extend(message.content for message in ctx.messages)

    agent = await world.agent("agent", reader(lambda ctx: ctx.read(there[0]), plugin))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "!two", "three")

    assert await call(world, agent, here) == ['["one", "three"]']
    await agent.hear(there[0])
    assert heard == ["!two"]
    await say(world, there[0], "!four", "five")
    await agent.hear(there[0])
    assert (await call(world, agent, here))[1:] == ['["five"]']
    assert heard == ["!two", "!four"]


async def test_a_handler_that_wants_all_leaves_nothing_to_read_and_costs_no_call(world):
    there = []
    plugin = Plugin("p")
    heard = []

    @plugin.on_message
    async def hear(ctx):
        heard.extend(message.content for message in ctx.messages)
        if ctx.messages[-1].content == "go":
            await ctx.reply(json.dumps([each.content for each in await ctx.read(there[0])]))

    agent = await world.agent("agent", plugin)
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one")

    assert await call(world, agent, here) == ["[]"]
    await agent.hear(there[0])
    assert heard == ["go", "one"]


async def test_handlers_that_were_not_told_of_what_is_read_are_told(world):
    there, heard = [], []
    plugin = Plugin("p")

    @plugin.on_message(chat="group", pattern="^!")
    async def command(ctx):
        heard.extend(message.content for message in ctx.messages)

    agent = await world.agent("agent", reader(lambda ctx: ctx.read(there[0]), plugin))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "!one")
    await agent.hear(there[0])
    # No frame tells of these.
    await say(world, there[0], "two", "!three")

    assert await call(world, agent, here) == ['["two"]']
    assert heard == ["!one", "!three"]


async def test_what_others_have_answered_is_read_from_where_the_agent_began(world):
    there = []
    plugin = Plugin("other")

    @plugin.on_message(chat="group")
    async def echo(ctx):
        await ctx.reply("echo")

    digest = reader(lambda ctx: ctx.read(there[0]))
    both = (*plugin.handlers, *digest.handlers)
    agent = await world.agent("agent", SimpleNamespace(handlers=both))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "two")
    await agent.hear(there[0])

    assert await said(world, there[0]) == ["echo"]
    assert await call(world, agent, here) == ['["one", "two"]']


async def test_in_its_own_chat_a_handler_reads_what_is_newer(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        if ctx.messages[0].content == "go":
            await world.say(ctx.chat_id, "meanwhile")
            await ctx.reply(json.dumps([each.content for each in await ctx.read(ctx.chat_id)]))
        else:
            await ctx.reply("again")

    agent = await world.agent("agent", plugin)

    assert await call(world, agent, await direct(world)) == ['["meanwhile"]']


async def test_a_read_that_nobody_waits_for_any_more_shows_nothing(world):
    there, patience = [], [0.0, 5.0]

    async def read(ctx):
        try:
            return await asyncio.wait_for(ctx.read(there[0]), patience.pop(0))
        except TimeoutError:
            return []

    agent = await world.agent("agent", reader(read))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one")

    assert await call(world, agent, here) == ["[]"]
    assert (await call(world, agent, here))[1:] == ['["one"]']


PLUGIN = """
import json
from mycel_runtime import Plugin
from mycel_runtime.errors import ApiError, ArgumentError
plugin = Plugin("p")

def problem(exc):
    return getattr(exc, "problem", "") or exc.status_code

@plugin.on_message(chat="direct", pattern="^async")
async def awaited(ctx):
    there = ctx.messages[-1].content.split()[1]
    told = [[m.content, m.sender.type, m.seq] for m in await ctx.read(there, 2)]
    told += [m.content for m in await ctx.read(there)]
    for arguments in ((there, 0), (5,), ("nowhere",)):
        try:
            await ctx.read(*arguments)
        except (ApiError, ArgumentError) as exc:
            told.append(problem(exc))
    await ctx.reply(json.dumps(told))

@plugin.on_message(chat="direct", pattern="^plain")
def plain(ctx):
    there = ctx.messages[-1].content.split()[1]
    told = [[m.content, m.sender.type, m.seq] for m in ctx.read(there, 2)]
    told += [m.content for m in ctx.read(there)]
    for arguments in ((there, 0), (5,), ("nowhere",)):
        try:
            ctx.read(*arguments)
        except (ApiError, ArgumentError) as exc:
            told.append(problem(exc))
    ctx.reply(json.dumps(told))

@plugin.on_message(chat="direct", pattern="^timer")
async def plan(ctx):
    ctx.timers.set("later", after=0, data=ctx.messages[-1].content.split()[1])

@plugin.on_timer("later")
def later(ctx):
    ctx.store["timer"] = [m.content for m in ctx.read(ctx.data)]
"""


@pytest.mark.parametrize("isolation", ["here", "isolated"])
async def test_it_is_the_same_in_every_colour_and_isolation(world, tmp_path, isolation):
    agent = await written_agent(world, tmp_path, PLUGIN, is_isolated=isolation == "isolated")
    here, there = await direct(world), await group(world, "agent")
    mistakes = [
        "the limit is not a whole number of messages from 1 to 200",
        "the chat id is int, not a text",
        403,
    ]

    for colour in ("async", "plain"):
        await say(world, there, "one", "two", "three")
        seqs = [message["seq"] for message in await world.owner.messages.list(there, limit=3)]
        told = json.loads((await call(world, agent, here, f"{colour} {there}"))[-1])
        first = [["one", "human", seqs[0]], ["two", "human", seqs[1]]]
        assert told == [*first, "three", *mistakes]
    await say(world, there, "four")
    await call(world, agent, here, f"timer {there}")
    agent.clock.ahead += 1
    await agent.deliver()
    (item,) = (await agent.journal.items("agent", "p", chat_id=None)).values()
    assert json.loads(item.value) == ["four"]


class Digest:
    """A plugin of three lanes: two that read a group, and the group's own. Its store has who was shown what."""

    def __init__(self):
        self.plugin = Plugin("p")
        self.there, self.is_quiet, self._met = "", False, asyncio.Barrier(2)
        self._begun = set()
        self.plugin.on_message(chat="group", pattern="[05]$")(self.hear)
        self.plugin.on_message(chat="direct")(self.begin)
        self.plugin.on_timer("left")(self.left)
        self.plugin.on_timer("right")(self.right)

    async def begin(self, ctx):
        ctx.timers.set("left", after=0)
        ctx.timers.set("right", after=0)

    async def hear(self, ctx):
        await asyncio.sleep(0.002)
        self.note(ctx, "heard", ctx.messages)

    async def left(self, ctx):
        await self.read(ctx)

    async def right(self, ctx):
        await self.read(ctx)

    async def read(self, ctx):
        found = await ctx.read(self.there, 3)
        if ctx.name not in self._begun:
            # Both have read the same.
            self._begun.add(ctx.name)
            await self._met.wait()
        self.note(ctx, "read", found)
        if found or not self.is_quiet:
            ctx.timers.set(ctx.name, after=0.001)

    def note(self, ctx, how, messages):
        for message in messages:
            ctx.store[message.content] = [*ctx.store.get(message.content, []), how]


async def test_whoever_reads_beside_another_and_beside_its_chats_lane_loses_and_doubles_nothing(world):
    digest = Digest()
    agent = await world.agent("agent", digest.plugin, clock=time.time)
    dispatcher, here = agent.parts.dispatcher, await direct(world)
    digest.there = await group(world, "agent")
    await world.say(digest.there, "m0")

    async def hear(chat_id, text):
        await world.say(chat_id, text)
        await agent.take(*agent.hint(chat_id))
        dispatcher.wake()

    async def has_shown():
        return {
            key: json.loads(item.value)
            for key, item in (await agent.journal.items("agent", "p", chat_id=None)).items()
        }

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        dispatching = tasks.create_task(dispatcher.run())
        await hear(here, "go")
        for number in range(1, MESSAGES):
            await hear(digest.there, f"m{number}")
        digest.is_quiet = True
        while len(await has_shown()) < MESSAGES:  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.02)
        dispatcher.stop(within=10)
        await dispatching

    assert await has_shown() == {
        f"m{number}": ["heard" if number % 5 == 0 else "read"] for number in range(MESSAGES)
    }
    assert agent.memory.named("delivery.outdated")


async def test_what_comes_late_into_a_hole_is_read_too(world):
    """Q27: a number is drawn, and its message appears after a higher one."""
    there = []
    agent = await world.agent("agent", reader(lambda ctx: ctx.read(there[0])))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "two", "three")
    honest = agent.sdk.messages.list

    async def holding_back(chat_id, **page):
        found = await honest(chat_id, **page)
        return [message for message in found if message["content"] != "two"]

    agent.sdk.messages.list = holding_back
    assert await call(world, agent, here) == ['["one", "three"]']
    agent.sdk.messages.list = honest
    assert (await call(world, agent, here))[1:] == ['["two"]']
    assert (await call(world, agent, here))[2:] == ["[]"]


async def test_of_two_runs_that_read_one_late_message_the_second_reads_on(world):
    """Both begin and end at the same place of the chat, and remember nothing: its version alone tells them apart."""
    there, runs, both = [], [], asyncio.Barrier(2)

    async def read(ctx):
        for key in ("a", "b"):
            ctx.timers.set("again", after=1, key=key)
        return await ctx.read(there[0])

    plugin = Plugin("p")

    @plugin.on_timer("again")
    async def again(ctx):
        runs.append([message.content for message in await ctx.read(there[0])])
        if len(runs) <= 2:
            await both.wait()

    agent = await world.agent("agent", reader(read, plugin))
    here = await direct(world)
    there.append(await group(world, "agent"))
    await say(world, there[0], "one", "two", "three")
    honest = agent.sdk.messages.list

    async def holding_back(chat_id, **page):
        return [message for message in await honest(chat_id, **page) if message["content"] != "two"]

    agent.sdk.messages.list = holding_back
    assert await call(world, agent, here) == ['["one", "three"]']
    agent.sdk.messages.list = honest
    agent.clock.ahead += 2
    await agent.deliver()

    assert runs == [["two"], ["two"], []]
    assert len(agent.memory.named("delivery.outdated")) == 1
