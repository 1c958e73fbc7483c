"""What is said beside an answer is shown to its handler, and to everybody whom it concerns, before anybody speaks."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import NotSentError
from tests.integration.speech.asking import MINUTE, Asker, answer, ask, say_as, states
from tests.integration.speech.speaking import direct, group, said, written_agent

pytestmark = pytest.mark.slow


class Listener(Asker):
    """Its handler of answers tells what else it was shown, run by run, and lets somebody speak first."""

    def __init__(self, interject=None, **asks):
        self.runs, self.interject = [], interject
        super().__init__(**asks)

    def declare_answer(self, plugin, function="answered"):
        @plugin.on_answer("q")
        async def answered(ctx):
            words = [[each.content for each in messages] for messages in (ctx.messages, ctx.meanwhile)]
            self.runs.append((ctx.answer and ctx.answer.content, *words))
            if self.interject is not None and len(self.runs) == 1:
                await self.interject(ctx)
            await ctx.reply(f"noted {ctx.data['number']}")


async def test_what_was_said_after_the_answer_is_shown_to_its_handler_and_to_the_others(world):
    asker = Listener()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await world.say(here, "five")
    await world.say(here, "no, six")
    await agent.hear(here)

    assert asker.runs == [("five", ["five"], ["no, six"])]
    assert asker.shown == asker.others == ["ask", "no, six"]
    assert await said(world, here) == ["well?", "noted 0"]
    assert await agent.sdk.messages.unread(here) == []


async def test_so_is_what_others_said_before_it(world):
    eve = await world.user("eve")
    asker = Listener()
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await say_as(eve, here, "I know it")
    await agent.hear(here)
    await answer(world, agent, here, "five")

    assert asker.runs == [("five", ["five"], ["I know it"])]
    assert asker.shown == ["ask", "I know it"]


async def test_who_speaks_while_it_runs_is_shown_when_it_is_called_again(world):
    async def interject(ctx):
        await world.say(ctx.chat_id, "wait")

    asker = Listener(interject)
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    await agent.hear(here)

    assert asker.runs == [("five", ["five"], []), ("five", ["five"], ["wait"])]
    assert asker.shown == ["ask", "wait"]
    assert await said(world, here) == ["well?", "noted 0"]


async def test_newer_shows_what_came_and_the_reply_stands(world):
    newer = []

    async def interject(ctx):
        await world.say(ctx.chat_id, "wait")
        newer.extend(each.content for each in await ctx.newer())
        assert await ctx.newer() == []

    asker = Listener(interject)
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    await agent.hear(here)

    assert newer == ["wait"]
    assert asker.runs == [("five", ["five"], [])]
    assert asker.shown == ["ask", "wait"]
    assert await agent.journal.dead_letters("agent") == []


async def test_another_questions_answer_is_its_own_handlers(world):
    asker = Listener()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "ask when? where?")
    for text in ("now", "here", "thanks"):
        await world.say(here, text)
    await agent.hear(here)

    assert asker.runs == [("now", ["now"], ["thanks"]), ("here", ["here"], ["thanks"])]
    assert asker.shown == asker.others == ["ask when? where?", "thanks"]
    assert await states(agent) == [("answered", True)] * 2


@pytest.mark.parametrize("seconds", [0.0, 9 * MINUTE], ids=["at once", "late"])
async def test_without_an_answer_it_is_shown_what_was_said_since_the_question(world, seconds):
    """Also what nobody has announced and another handler's reply has marked as read."""
    await world.user("eve")
    asker = Listener(user_id="eve")
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await answer(world, agent, here, "she is away")
    agent.clock.ahead += 11 * MINUTE + seconds
    await world.say(here, "until tomorrow")
    await agent.sdk.messages.read(here)
    await agent.deliver()
    await agent.hear(here)

    assert asker.runs == [(None, [], ["she is away", "until tomorrow"])]
    assert asker.shown == ["ask", "she is away", "until tomorrow"]


async def test_a_chat_that_cannot_be_read_keeps_nobody_from_being_told_and_lets_nobody_speak_unseen(world):
    async def interject(ctx):
        agent.sdk.messages.list = there

    asker = Listener(interject)
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    agent.clock.ahead += 11 * MINUTE
    there = agent.sdk.messages.list

    async def list_(*args, **kwargs):
        if (await states(agent))[0][0] != "timed_out":
            return await there(*args, **kwargs)
        await world.say(here, "unseen")
        await agent.sdk.messages.read(here)
        raise NotSentError("it is gone")

    agent.sdk.messages.list = list_
    await agent.deliver()

    assert asker.runs == [(None, [], []), (None, [], ["unseen"])]


async def test_a_dead_letter_that_is_tried_again_shows_what_there_is_by_then(world):
    fails = [True]

    async def interject(ctx):
        if fails:
            raise LookupError

    asker = Listener(interject)
    agent, here = await world.agent("agent", asker.plugin, max_attempts=1), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    await answer(world, agent, here, "hello?")
    fails.clear()
    (letter,) = await agent.journal.dead_letters("agent")
    assert await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()

    assert asker.runs == [("five", ["five"], []), ("five", ["five"], ["hello?"])]
    assert await said(world, here) == ["well?", "noted 0"]


PLUGIN = """
from mycel_runtime import Plugin
plugin = Plugin("p")

def told(ctx, newer):
    words = [[each.content for each in messages] for messages in (ctx.messages, ctx.meanwhile, newer)]
    return f"{ctx.answer.content} {words}"

@plugin.on_message(pattern="^async$")
async def awaited(ctx):
    await ctx.ask(ctx.chat_id, "async?", name="async")

@plugin.on_message(pattern="^plain$")
def plain(ctx):
    ctx.ask(ctx.chat_id, "plain?", name="plain")

@plugin.on_answer("async")
async def of_async(ctx):
    await ctx.reply(told(ctx, await ctx.newer()))

@plugin.on_answer("plain")
def of_plain(ctx):
    ctx.reply(told(ctx, ctx.newer()))
"""


@pytest.mark.parametrize("is_isolated", [False, True], ids=["here", "isolated"])
async def test_it_is_the_same_wherever_the_handler_runs(world, tmp_path, is_isolated):
    agent = await written_agent(world, tmp_path, PLUGIN, is_isolated=is_isolated)
    here = await direct(world)
    for colour in ("async", "plain"):
        await ask(world, agent, here, colour)
        await world.say(here, "five")
        await answer(world, agent, here, "six")

    told = "five [['five'], ['six'], []]"
    assert await said(world, here) == ["async?", told, "plain?", told]
