"""What is said first is said once, by every handler, when its turn has come."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime import Plugin, Reject, Retry
from mycel_runtime.plugin.isolation.process import WorkerSpec
from tests.integration.speech.speaking import GENERATIONS, WAIT_SECONDS, call, caller, direct, group, said

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_handler_speaks_in_another_chat_in_the_order_of_its_words(world, options):
    async def say(ctx):
        for text in ("one", "two"):
            assert await ctx.say(elsewhere, f"{text}: {ctx.messages[-1].content}") is None
        await ctx.reply("passed on")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)

    assert await said(world, here) == ["passed on"]
    assert await said(world, elsewhere) == ["one: go", "two: go"]


PLUGIN = """
import json
from mycel_runtime import Plugin
from mycel_runtime.errors import ApiError, ArgumentError
plugin = Plugin("p")

@plugin.on_message(pattern="^async")
async def awaited(ctx):
    chat_id = await ctx.chats.direct("eve")
    assert chat_id == await ctx.chats.direct("eve")
    assert await ctx.say(chat_id, "hello", mentions=["eve"]) is None
    assert await ctx.say(ctx.chat_id, "first here") is None
    told = {"again": (await ctx.reply("second here")).seq}
    for chat_id, text in ((chat_id, " "), (chat_id, 5), (5, "x")):
        try:
            await ctx.say(chat_id, text)
        except ArgumentError as exc:
            told[str(text)] = exc.problem
    try:
        await ctx.say(chat_id, "x", on_conflict="rerun")
    except ArgumentError as exc:
        told["policy"] = exc.problem
    try:
        await ctx.chats.direct("nobody")
    except ApiError as exc:
        told["nobody"] = exc.status_code
    await ctx.reply(json.dumps(told))

@plugin.on_message(pattern="^plain")
def plain(ctx):
    chat_id = ctx.chats.direct("eve")
    assert chat_id == ctx.chats.direct("eve")
    assert ctx.say(chat_id, "hello", mentions=["eve"]) is None
    assert ctx.say(ctx.chat_id, "first here") is None
    told = {"again": ctx.reply("second here").seq}
    for chat_id, text in ((chat_id, " "), (chat_id, 5), (5, "x")):
        try:
            ctx.say(chat_id, text)
        except ArgumentError as exc:
            told[str(text)] = exc.problem
    try:
        ctx.say(chat_id, "x", on_conflict="rerun")
    except ArgumentError as exc:
        told["policy"] = exc.problem
    try:
        ctx.chats.direct("nobody")
    except ApiError as exc:
        told["nobody"] = exc.status_code
    ctx.reply(json.dumps(told))

@plugin.on_timer("later")
async def later(ctx):
    await ctx.say(ctx.data, "by a timer")

@plugin.on_message(pattern="^timer")
async def plan(ctx):
    ctx.timers.set("later", after=0, data=await ctx.chats.direct("eve"))

@plugin.on_relationship
def asked(ctx):
    ctx.say(ctx.chats.direct(ctx.other_user_id), "nice to meet you")

@plugin.every(hours=1)
def hourly(ctx):
    ctx.say(ctx.chats.direct("eve"), "by a schedule")
"""


@pytest.fixture(params=["here", "isolated"])
async def anywhere(request, world, tmp_path):
    """An agent that runs its plugin here, or in a process of its own."""
    worker = None
    if request.param == "isolated":
        (tmp_path / "p.py").write_text(PLUGIN)
        worker = WorkerSpec(
            name="p", table={"path": "p.py"}, config=tmp_path / "agent.toml", import_timeout=60
        )
    names = {}
    exec(PLUGIN, names)
    return await world.agent("agent", names["plugin"], worker=worker)


async def test_every_handler_can_wherever_it_runs(world, anywhere):
    eve, told = await world.user("eve"), {}
    here = await direct(world)
    for colour in ("async", "plain"):
        await call(world, anywhere, here, colour)
        *first, told[colour] = await said(world, here)
        assert first[-2:] == ["first here", "second here"]
        told[colour] = told[colour].replace("7", "3")
    await call(world, anywhere, here, "timer")
    anywhere.clock.ahead += 600  # by the clock of a process of its own
    await anywhere.deliver()
    await eve.relationships.request("agent", "please")
    await anywhere.parts.reconciler.run("test")
    await anywhere.deliver()
    anywhere.clock.ahead += 3601
    await anywhere.deliver()

    chat_id = (await eve.chats.ensure_direct("agent"))["id"]
    words = [message["content"] for message in await eve.messages.list(chat_id)]
    assert words == ["hello", "hello", "by a timer", "nice to meet you", "by a schedule"]
    assert (await eve.messages.list(chat_id))[0]["mentioned_ids"] == ["eve"]
    assert told["async"] == told["plain"]
    assert '"5": "the text is int, not a text"' in told["async"]
    assert '"nobody": 400' in told["async"]
    assert await anywhere.journal.dead_letters("agent") == []


async def test_a_run_that_fails_has_spoken_and_is_repeated_without_saying_anything_twice(world):
    """Its second run speaks to the same chats in another order, and to one more."""

    async def say(ctx):
        for chat_id in chats[: ctx.attempt + 1] if ctx.attempt == 1 else reversed(chats):
            await ctx.say(chat_id, f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            raise Retry(after=30)

    agent = await world.agent("agent", caller(say))
    here, chats = await direct(world), [await group(world, "agent") for _ in range(3)]
    await call(world, agent, here)
    assert [await said(world, chat_id) for chat_id in chats] == [["attempt 1"], ["attempt 1"], []]
    agent.clock.ahead += 60
    await agent.deliver()

    assert [await said(world, chat_id) for chat_id in chats] == [["attempt 1"], ["attempt 1"], ["attempt 2"]]


async def test_a_dead_letter_that_is_tried_again_has_said_what_it_has_said(world):
    async def say(ctx):
        await ctx.say(elsewhere, "once")
        raise Reject("no")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)
    for _ in range(2):
        (letter,) = await agent.journal.dead_letters("agent")
        assert await agent.journal.revive(agent.me, letter.dead_letter_id)
        await agent.deliver()

    assert await said(world, elsewhere) == ["once"]


async def test_what_is_left_unawaited_fails_the_run(world):
    async def say(ctx):
        ctx.say(elsewhere, "never")

    agent = await world.agent("agent", caller(say, max_attempts=1))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)

    (letter,) = await agent.journal.dead_letters("agent")
    assert letter.reason == "ReplyNotAwaitedError"
    assert await said(world, elsewhere) == []


async def test_it_returns_at_once_though_its_chat_is_busy(world):
    """And two handlers that speak in each other's chat do not wait for each other."""
    plugin, both = Plugin("p"), asyncio.Barrier(2)

    @plugin.on_message(pattern="^go")
    async def cross(ctx):
        await both.wait()
        other = chats[1 - chats.index(ctx.chat_id)]
        await asyncio.wait_for(ctx.say(other, "hello over there"), WAIT_SECONDS)
        await both.wait()
        await ctx.reply("done")

    agent = await world.agent("agent", plugin)
    chats = [await group(world, "agent"), await group(world, "agent")]
    for chat_id in chats:
        await world.say(chat_id, "go")
    await agent.take(*(hint for chat_id in chats for hint in agent.hint(chat_id)))
    await agent.deliver()

    for chat_id in chats:
        assert await said(world, chat_id) == ["done", "hello over there"]
