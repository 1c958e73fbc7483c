"""A message that interrupts ends the run in its chat at once, and is shown with the next."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import load_plugins
from tests.integration.speech.test_unresolved_sends import contents

pytestmark = pytest.mark.slow

WAIT_SECONDS = 60.0


class Thinker:
    """A handler that thinks until it is told to answer, and may be interrupted."""

    def __init__(self, **options):
        self.plugin, self.shown, self.cancelled = Plugin("p"), [], 0
        self.may_answer, self.is_thinking = asyncio.Event(), asyncio.Event()

        @self.plugin.on_message(**{"interrupt": "^stop"} | options)
        async def think(ctx):
            self.shown.append([message.content for message in ctx.messages])
            if self.shown[-1][-1].startswith("stop"):
                await ctx.reply("stopped")
                return
            self.is_thinking.set()
            try:
                await self.may_answer.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            await ctx.reply("thought")


async def announce(agent, chat_id, seq):
    """What a frame does."""
    await agent.parts.intake.hint([(chat_id, seq)])


async def test_it_ends_the_run_and_is_shown_with_the_next(world):
    thinker = Thinker()
    agent = await world.agent("a", thinker.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "think")

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.hear(chat_id))
        await thinker.is_thinking.wait()
        await world.say(chat_id, "stop it")
        await announce(agent, chat_id, 2)

    assert thinker.shown == [["think"], ["think", "stop it"]]
    assert thinker.cancelled == 1
    assert await contents(world, chat_id, "a") == ["stopped"]
    assert await agent.journal.dead_letters("a") == []
    assert [delivered.sends for delivered in agent.memory.named("delivery.finished")][:1] == [1]


async def test_one_that_came_before_anybody_listened_is_not_missed(world):
    thinker = Thinker()
    agent = await world.agent("a", thinker.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "think")
    roster, said = agent.parts.dispatcher.attempts.messages.runs.roster, []
    room = roster.room

    async def late(*args):
        """Between reading and running."""
        if not said:
            said.append(await world.say(chat_id, "stop it"))
        return await room(*args)

    roster.room = late
    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)

    assert thinker.shown == [["think"], ["think", "stop it"]]
    assert await contents(world, chat_id, "a") == ["stopped"]


@pytest.mark.parametrize(
    ("filters", "text"),
    [({}, "go on"), ({"mention": True, "chat": "direct"}, "stop, whoever you are")],
    ids=["other words", "filtered"],
)
async def test_what_does_not_match_or_is_not_wanted_lets_it_go_on(world, filters, text):
    thinker = Thinker(on_conflict="drop", **filters)
    agent = await world.agent("a", thinker.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    me = {"mentions": ["a"]} if filters else {}
    await world.owner.messages.send(chat_id, "think", delivery_scope=None, enforce_caught_up=False, **me)
    runs, looked = agent.parts.dispatcher.attempts.messages.runs, asyncio.Event()
    has_new = runs.reader.has_new

    async def look(*args, **kwargs):
        found = await has_new(*args, **kwargs)
        looked.set()
        return found

    runs.reader = Reader(runs.reader, look)
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.hear(chat_id))
        await thinker.is_thinking.wait()
        await world.say(chat_id, text)
        looked.clear()
        await announce(agent, chat_id, 2)
        await looked.wait()
        thinker.may_answer.set()

    assert thinker.cancelled == 0
    assert thinker.shown[0] == ["think"]


class Reader:
    """A chat reader whose looks are told."""

    def __init__(self, inner, has_new):
        self._inner, self.has_new = inner, has_new

    def __getattr__(self, name):
        return getattr(self._inner, name)


async def test_a_reply_that_is_on_its_way_arrives_and_is_not_said_again(world):
    """It is asked again as any handler that has spoken: its first reply stands."""
    plugin, shown, replying = Plugin("p"), [], asyncio.Event()

    @plugin.on_message(interrupt="^stop")
    async def slow(ctx):
        shown.append(len(ctx.messages))
        replying.set()
        await ctx.reply("one moment")
        if len(shown) == 1:
            await asyncio.Event().wait()

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "think")
    world.backend.faults.delay(0.5, path=r"/api/chats/[^/]+/messages", method="POST")

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.hear(chat_id))
        await replying.wait()
        while not (page := await world.owner.messages.list(chat_id))[1:]:  # noqa: ASYNC110 - it is the server that is waited for
            await asyncio.sleep(0.02)
        assert page[1]["content"] == "one moment"
        await world.say(chat_id, "stop it")
        await announce(agent, chat_id, 3)

    assert shown == [1, 2]
    assert await contents(world, chat_id, "a") == ["one moment"]
    assert await agent.journal.unresolved("a") == []


PLUGIN = """
import time
from mycel_runtime import Plugin, SyncMessageContext

plugin = Plugin("deep")

@plugin.on_message(interrupt="^stop")
def think(ctx: SyncMessageContext) -> None:
    if len(ctx.messages) == 1:
        ctx.reply("thinking")
        time.sleep(1000)
    ctx.reply("stopped")
    ctx.reply("really")
"""


async def test_one_in_a_process_of_its_own_is_killed_for_it(world, tmp_path):
    (tmp_path / "deep.py").write_text(PLUGIN)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"deep": {"path": "deep.py", "isolation": "process"}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=500)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "think")

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.hear(chat_id))
        while not await contents(world, chat_id, "a"):  # noqa: ASYNC110 - it is the server that is waited for
            await asyncio.sleep(0.05)
        await world.say(chat_id, "stop it")
        await announce(agent, chat_id, 3)

    assert await contents(world, chat_id, "a") == ["thinking", "really"]
