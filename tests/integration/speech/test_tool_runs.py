"""An agent that a handler lets work speaks by tools as the handler's run: its replies, its news, until its end."""

from __future__ import annotations

import asyncio
import json

import pytest

from mycel_runtime import Plugin
from mycel_runtime.errors import ToolProblemError
from mycel_runtime.mcp_server.answered_run import AnsweredRun
from tests.integration.speech.speaking import direct, group, said, written_agent
from tests.integration.speech.tool_client import ToolClient

pytestmark = pytest.mark.slow

WAIT_SECONDS = 60.0


class Work:
    """What the agent does that a handler lets work: `of(client, ctx)`, in each run."""

    def __init__(self, of, **on_message):
        self.of = of
        self.agent = None
        self.clients = []
        self.runs = 0
        self.plugin = Plugin("p")
        self.plugin.on_message(**on_message)(self._answer)

    async def _answer(self, ctx):
        self.runs += 1
        run = AnsweredRun.of((await ctx.tools()).environment)
        self.clients.append(ToolClient(self.agent, run=run, seconds=0.0))
        await self.of(self.clients[-1], ctx)


async def working(world, of, **on_message):
    """An agent with such a handler, and its direct chat."""
    work = Work(of, **on_message)
    work.agent = await world.agent("agent", work.plugin)
    return work, await direct(world)


async def hear(work, chat_id):
    async with asyncio.timeout(WAIT_SECONDS):
        await work.agent.hear(chat_id)


async def test_what_a_tool_says_is_said_in_the_run_among_the_handlers_own_words(world):
    async def of(client, ctx):
        result = await client.call("reply", chat_id=ctx.chat_id, text="working on it")
        assert (result["state"], result["note"]) == ("said", "")
        await ctx.reply("half")
        assert (await client.call("say", chat_id=ctx.chat_id, text="nearly"))["state"] == "said"
        await ctx.reply("done")

    work, here = await working(world, of)
    await world.say(here, "go")
    await hear(work, here)

    assert await said(world, here) == ["working on it", "half", "nearly", "done"]
    with pytest.raises(ToolProblemError, match="is over") as refused:
        await work.clients[0].call("reply", chat_id=here, text="late")
    assert "End here" in str(refused.value)
    for name, more in (("read", {}), ("say", {"text": "late"})):
        with pytest.raises(ToolProblemError, match="is over"):
            await work.clients[0].call(name, chat_id=here, **more)
    assert len(await said(world, here)) == 4


@pytest.mark.parametrize("on_conflict", ["rerun", "repeat", "drop"])
async def test_a_word_that_is_overtaken_is_unsaid_and_shows_its_agent_what_came(world, on_conflict):
    async def of(client, ctx):
        if work.runs > 1:
            return
        await world.say(ctx.chat_id, "no, wait")
        with pytest.raises(ToolProblemError, match="somebody spoke in this chat meanwhile") as refused:
            await client.call("reply", chat_id=ctx.chat_id, text="going")
        assert [message["text"] for message in refused.value.shown["meanwhile"]] == ["no, wait"]
        assert (await client.call("reply", chat_id=ctx.chat_id, text="waiting"))["state"] == "said"

    work, here = await working(world, of, on_conflict=on_conflict)
    await world.say(here, "go")
    await hear(work, here)
    await hear(work, here)

    assert await said(world, here) == ["waiting"]
    assert work.runs == 1


async def test_what_a_tool_reads_there_is_new_to_the_run_and_answered_by_it(world):
    async def of(client, ctx):
        await world.say(ctx.chat_id, "and this")
        assert await client.texts(ctx.chat_id) == ["and this"]
        assert await client.texts(ctx.chat_id) == []
        await ctx.reply("both")

    work, here = await working(world, of)
    await world.say(here, "this")
    await hear(work, here)
    await hear(work, here)

    assert (work.runs, await said(world, here)) == (1, ["both"])


async def test_a_run_that_is_repeated_takes_over_what_its_agent_has_said(world):
    async def of(client, ctx):
        result = await client.call("reply", chat_id=ctx.chat_id, text=f"looking, {work.runs}")
        assert bool(result["note"]) is (work.runs > 1)
        await client.call("say", chat_id=elsewhere, text=f"somebody asks, {work.runs}")
        if work.runs == 1:
            # Overtaken words take no place: the reply behind them is the second one.
            await world.say(ctx.chat_id, "hm")
            with pytest.raises(ToolProblemError, match="meanwhile"):
                await client.call("reply", chat_id=ctx.chat_id, text="lost")
            await client.call("reply", chat_id=ctx.chat_id, text="found, 1")
            raise RuntimeError
        await client.call("reply", chat_id=ctx.chat_id, text=f"found, {work.runs}")

    work, here = await working(world, of, chat="direct")
    elsewhere = await group(world, "agent")
    await world.say(here, "go")
    await hear(work, here)
    work.agent.clock.ahead += 600
    async with asyncio.timeout(WAIT_SECONDS):
        while await work.agent.deliver():
            work.agent.clock.ahead += 600

    assert work.runs == 2
    assert await said(world, here) == ["looking, 1", "found, 1"]
    assert await said(world, elsewhere) == ["somebody asks, 1"]


async def test_a_call_that_is_made_again_for_a_lost_answer_says_nothing_twice(world):
    async def of(client, ctx):
        lost = client.toolbox.door
        words = {"run": client.toolbox.run.name, "key": "k", "text": "once", "mentions": []}
        first, again = await lost.call("run_reply", **words), await lost.call("run_reply", **words)
        assert first == again

    work, here = await working(world, of)
    await world.say(here, "go")
    await hear(work, here)

    assert await said(world, here) == ["once"]


SOURCE = """
from mycel_runtime import MessageContext, Plugin, SyncMessageContext

plugin = Plugin("p")
FILE = {file!r}

def work(server):
    import json, pathlib, time
    pathlib.Path(FILE + ".new").write_text(json.dumps(dict(server.environment)))
    pathlib.Path(FILE + ".new").rename(FILE)
    deadline = time.monotonic() + 50
    while pathlib.Path(FILE).exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)

@plugin.on_message(pattern="^async")
async def awaited(ctx: MessageContext):
    import asyncio
    server = await ctx.tools()
    assert server == await ctx.tools() and ctx.chat_id not in repr(server)
    await asyncio.to_thread(work, server)
    await ctx.reply("done")

@plugin.on_message(pattern="^plain")
def plain(ctx: SyncMessageContext):
    server = ctx.tools()
    assert server == ctx.tools() and "mcp" in server.command
    work(server)
    ctx.reply("done")
"""


@pytest.mark.parametrize("is_isolated", [False, True], ids=["beside", "isolated"])
async def test_handlers_of_each_shape_hand_it_on(world, tmp_path, is_isolated):
    file = tmp_path / "environment"
    agent = await written_agent(world, tmp_path, SOURCE.format(file=str(file)), is_isolated=is_isolated)
    here = await direct(world)
    for shape in ("async", "plain"):
        await world.say(here, shape)
        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(agent.hear(here))
            while not file.exists():
                assert not hearing.done()
                await asyncio.sleep(0.005)
            client = ToolClient(agent, run=AnsweredRun.of(json.loads(file.read_text())))
            await client.call("reply", chat_id=here, text=f"by a tool, {shape}")
            file.unlink()
    assert await said(world, here) == ["by a tool, async", "done", "by a tool, plain", "done"]
