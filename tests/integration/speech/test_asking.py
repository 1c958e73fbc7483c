"""A question is asked once, by every handler that can speak, and what is none is a mistake."""

from __future__ import annotations

import json

import pytest

from mycel_runtime import Plugin
from mycel_runtime.errors import ArgumentError
from tests.integration.speech.asking import MINUTE, Asker, answer, ask, nothing_is_left, states
from tests.integration.speech.speaking import direct, group, said, written_agent

pytestmark = pytest.mark.slow


async def test_in_another_group_it_must_be_said_who_is_asked_and_nothing_is_made(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin, max_attempts=1), await direct(world)
    asker.chat = await group(world, "agent")
    await ask(world, agent, here)

    (letter,) = await agent.journal.dead_letters("agent")
    assert letter.reason == "ArgumentError: in a group a question needs to know who is asked"
    assert await states(agent) == []


async def test_a_run_that_is_repeated_asks_once(world):
    asker = Asker()
    asker.fails = ["ask"]
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert await said(world, here) == ["well?", "answer 0: five"]
    assert len(await states(agent)) == 1


async def test_who_asks_again_about_the_answer_is_answered_again(world):
    """A form: its handler's own words never stand in the way of its answers."""
    plugin, given = Plugin("p"), []

    @plugin.on_message(pattern="^go")
    async def go(ctx):
        await ctx.ask(ctx.chat_id, "how many?", name="n", timeout=MINUTE)

    @plugin.on_answer("n")
    async def number(ctx):
        given.append("" if ctx.timed_out else ctx.messages[-1].content)
        if not given[-1].isdigit() and len(given) < 4:
            await ctx.reply("no number")
            await ctx.ask(ctx.chat_id, "how many?", name="n", timeout=MINUTE)

    agent, here = await world.agent("agent", plugin), await direct(world)
    await ask(world, agent, here, "go")
    await answer(world, agent, here, "many")
    agent.clock.ahead += MINUTE + 1
    await agent.deliver()
    await answer(world, agent, here, "5")

    assert given == ["many", "", "5"]
    assert await said(world, here) == ["how many?", "no number", "how many?", "no number", "how many?"]
    await nothing_is_left(agent)


PLUGIN = """
import json
from mycel_runtime import Plugin
plugin = Plugin("p")

@plugin.on_message(pattern="^async")
async def awaited(ctx):
    try:
        await ctx.ask(ctx.chat_id, "x", name="none")
    except Exception as exc:
        await ctx.reply(exc.problem)
    await ctx.ask(ctx.chat_id, "async?", name="async", data=[1, None], timeout=60)

@plugin.on_message(pattern="^plain")
def plain(ctx):
    try:
        ctx.ask(ctx.chat_id, "x", name="none")
    except Exception as exc:
        ctx.reply(exc.problem)
    ctx.ask(ctx.chat_id, "plain?", name="plain", data=[1, None], timeout=60)

def told(ctx):
    ctx.chat_store[ctx.name] = ctx.store[ctx.name] = [ctx.data, ctx.question.outcome, ctx.question.seq]
    return " ".join(message.content for message in ctx.messages) or "nobody"

@plugin.on_answer("async")
async def of_async(ctx):
    assert [each.content for each in await ctx.history()][-1] in ("async?", "five")
    await ctx.reply(told(ctx))

@plugin.on_answer("plain")
def of_plain(ctx):
    assert [each.content for each in ctx.history()][-1] in ("plain?", "five")
    ctx.reply(told(ctx))
"""


@pytest.mark.parametrize("is_isolated", [False, True], ids=["here", "isolated"])
async def test_every_handler_can_ask_and_hear_the_answer_wherever_it_runs(world, tmp_path, is_isolated):
    agent = await written_agent(world, tmp_path, PLUGIN, is_isolated=is_isolated)
    here = await direct(world)
    for colour in ("async", "plain"):
        await ask(world, agent, here, colour)
        await answer(world, agent, here, "five")
        await ask(world, agent, here, colour)
        agent.clock.ahead += MINUTE + 1
        await agent.deliver()

    nobody = "the plugin handles no answers of this name"
    assert await said(world, here) == [
        text
        for colour in ("async", "plain")
        for text in (nobody, f"{colour}?", "five", nobody, f"{colour}?", "nobody")
    ]
    items = await agent.journal.items("agent", "p", chat_id=None)
    assert [json.loads(items[name].value)[:2] for name in ("async", "plain")] == [
        [[1, None], "timed_out"]
    ] * 2
    await nothing_is_left(agent)


@pytest.mark.parametrize(
    "mistake",
    [
        {"name": 5},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"data": object()},
        {"user_id": 5},
    ],
)
async def test_what_cannot_be_asked_is_a_mistake_and_makes_nothing(world, mistake):
    asker, raised = Asker(), []

    @asker.plugin.on_message(pattern="^wrong")
    async def wrong(ctx):
        try:
            await ctx.ask(ctx.chat_id, "well?", **{"name": "q"} | mistake)
        except ArgumentError as exc:
            raised.append(exc)

    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "wrong")

    assert len(raised) == 1
    assert await states(agent) == []
