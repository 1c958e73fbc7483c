"""Questions where something holds: the loop guard, a twin, a plugin that is left alone or cannot be started."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mycel_runtime import Plugin
from mycel_runtime.journal.sqlite.reader import SqliteReader
from tests.integration.speech.asking import (
    MINUTE,
    Asker,
    answer,
    ask,
    asked_but_not_said,
    bury_words,
    nothing_is_left,
    states,
)
from tests.integration.speech.speaking import direct, group, said

pytestmark = pytest.mark.slow

LOOKS = {"retry_base": MINUTE, "retry_cap": MINUTE}
"""What is held is looked at when the test's clock is moved, and not before."""


def outcomes(agent):
    return [fact.outcome for fact in agent.memory.named("question.decided")]


# The loop guard


async def test_in_a_held_chat_a_question_waits_for_a_human_and_his_words_are_no_answer(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin, **LOOKS), await direct(world)
    asker.chat, asker.asks["user_id"] = await group(world, "agent"), (await world.owner.me.whoami())["id"]
    await agent.journal.hold("agent", asker.chat, reason="talk")
    agent.parts.loop_guard._held.add(asker.chat)
    await ask(world, agent, here)
    assert (await states(agent), await said(world, asker.chat)) == ([("made", False)], [])
    await world.say(asker.chat, "go on")
    await agent.hear(asker.chat)
    agent.clock.ahead += 5 * MINUTE
    await agent.deliver()
    assert (asker.shown, await said(world, asker.chat)) == (["ask", "go on"], ["well?"])
    await answer(world, agent, asker.chat, "five")

    assert asker.answers == [(0, "answered", ["five"])]
    assert outcomes(agent) == ["answered"]
    await nothing_is_left(agent)


async def test_agents_that_ask_each_other_fall_silent(world):
    """And whoever's words were withheld is told that nobody was asked."""
    told = []

    def inquirer():
        plugin = Plugin("p")

        @plugin.on_message(sender="agent")
        async def back(ctx):
            await ctx.ask(
                ctx.chat_id, "and you?", name="q", timeout=60 * MINUTE, user_id=ctx.messages[-1].sender.id
            )

        @plugin.on_answer("q")
        async def on(ctx):
            told.append(ctx.question.outcome)
            if not ctx.timed_out:
                await ctx.ask(ctx.chat_id, "and you?", name="q", timeout=60 * MINUTE)

        return plugin

    one, two = [await world.agent(name, inquirer(), guard={"turns": 3}, **LOOKS) for name in ("one", "two")]
    chat_id = await group(world, "one", "two")
    await one.sdk.messages.send(chat_id, "and you?", delivery_scope=None)
    for _ in range(10):
        for agent in (two, one):
            agent.clock.ahead += 2 * MINUTE
            await agent.hear(chat_id)
    spoken = [len(await said(world, chat_id, by=name)) for name in ("one", "two")]
    assert max(spoken) <= 1 + 3
    for agent in (one, two):
        agent.clock.ahead += 90 * MINUTE
        await agent.deliver()

    assert told[-1] == "unsaid"
    assert [len(await said(world, chat_id, by=name)) for name in ("one", "two")] == spoken


# A twin


async def test_beside_a_twin_nothing_is_asked_and_an_answer_waits(world):
    asker = Asker()
    agent = await world.agent("agent", asker.plugin, **LOOKS)
    here = await direct(world)
    await ask(world, agent, here)
    agent.parts.twin_watch.is_holding = True
    await world.say(here, "five")
    await world.say(here, "ask more?")
    await agent.hear(here)
    assert asker.answers == []
    assert await said(world, here) == ["well?"]
    agent.parts.twin_watch.is_holding = False
    agent.clock.ahead += 2 * MINUTE
    await agent.deliver()
    await answer(world, agent, here, "six")

    assert asker.answers == [(0, "answered", ["five"]), (0, "answered", ["six"])]
    assert await said(world, here) == ["well?", "answer 0: five", "more?", "answer 0: six"]
    assert asker.others == ["ask", "ask more?"]
    await nothing_is_left(agent)


# A plugin that is left alone


async def test_the_answer_to_a_plugin_that_is_left_alone_waits_for_it_and_is_shown_to_nobody_else(world):
    asker, heard = Asker(), []

    @asker.plugin.on_message(pattern="^fail")
    async def fail(ctx):
        if "fail" in asker.fails:
            raise LookupError

    bystander = Plugin("bystander")

    @bystander.on_message
    async def hear(ctx):
        heard.extend(message.content for message in ctx.messages)

    both = SimpleNamespace(handlers=[*asker.plugin.handlers, *bystander.handlers])
    agent = await world.agent("agent", both, quarantine_after=1, quarantine_time=3 * MINUTE, **LOOKS)
    here = await direct(world)
    await ask(world, agent, here)
    elsewhere = await group(world, "agent")
    asker.fails = ["fail"]
    await world.say(elsewhere, "fail")
    await agent.hear(elsewhere)
    assert list(agent.parts.dispatcher.quarantine.plugins) == ["p"]
    await answer(world, agent, here, "five")
    await answer(world, agent, here, "six")
    assert (asker.answers, heard) == ([], ["ask", "fail", "six"])
    asker.fails.clear()
    for _ in range(4):
        # One delivery is tried, and the others are when they are looked at next.
        agent.clock.ahead += 4 * MINUTE
        await agent.deliver()

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == ["ask", "fail", "six"]
    assert (await said(world, here))[-1] == "answer 0: five"


async def test_a_plugin_that_is_back_after_the_time_is_told_what_came_of_it(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin, **LOOKS), await direct(world)
    await ask(world, agent, here, "ask when? where?")
    agent.parts.dispatcher.quarantine.keep_out(["p"])
    await answer(world, agent, here, "now")
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    assert asker.answers == []
    agent.parts.dispatcher.quarantine._refused = frozenset()
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()

    assert asker.answers == [(0, "answered", ["now"]), (1, "timed_out", [])]
    assert sorted(outcomes(agent)) == ["answered", "timed_out"]
    await nothing_is_left(agent)


# What the operator is shown


async def test_open_questions_are_counted_and_the_oldest_is_named(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    assert SqliteReader(agent.journal._path).summary("agent").questions is None
    await ask(world, agent, here, "ask when? where?")

    questions = SqliteReader(agent.journal._path).summary("agent").questions
    assert (questions.questions, *questions[1:4]) == (2, "p", "q", here)
    assert abs(questions.made_at - agent.clock()) < 5 * MINUTE
    await answer(world, agent, here, "now")
    assert SqliteReader(agent.journal._path).summary("agent").questions.questions == 1
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    assert SqliteReader(agent.journal._path).summary("agent").questions is None
    assert outcomes(agent) == ["answered", "timed_out"]


async def test_one_that_is_not_said_any_more_is_decided_once(world):
    asker = Asker()
    asker.fails = ["answer"]
    agent, here = await asked_but_not_said(world, asker)
    await bury_words(agent, here)
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    agent.clock.ahead += MINUTE
    await agent.deliver()

    assert len(asker.answers) > 1
    assert set(map(str, asker.answers)) == {str((0, "unsaid", []))}
    assert outcomes(agent) == ["unsaid"]
    assert SqliteReader(agent.journal._path).summary("agent").questions is None
