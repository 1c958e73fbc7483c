"""The answer is the next message of whoever was asked, and no other handler is shown it: in time, late, or never."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin
from tests.integration.speech.asking import MINUTE, Asker, answer, ask, nothing_is_left, say_as, states
from tests.integration.speech.speaking import direct, group, said

pytestmark = pytest.mark.slow


async def test_the_next_message_is_the_answer_and_no_other_handler_is_shown_it(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    await answer(world, agent, here, "six")

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask", "six"]
    assert await said(world, here) == ["well?", "answer 0: five"]
    assert await states(agent) == [("answered", True)]
    await nothing_is_left(agent)


async def test_the_question_tells_where_its_words_stand(world):
    told = []
    plugin = Plugin("p")

    @plugin.on_message
    async def go(ctx):
        await ctx.ask(ctx.chat_id, "well?", name="q")

    @plugin.on_answer("q")
    def answered(ctx):
        told.append((ctx.name, ctx.data, ctx.timed_out, ctx.question))

    agent, here = await world.agent("agent", plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")

    history = await world.owner.messages.list(here)
    ((name, data, timed_out, question),) = told
    assert (name, data, timed_out) == ("q", None, False)
    assert (question.message_id, question.seq) == (history[1]["id"], history[1]["seq"])
    assert (question.user_id, question.chat_id) == (history[0]["sender_id"], here)


async def test_in_a_group_whoever_was_asked_answers(world):
    """By default who spoke last; what others say meanwhile is shown to the others."""
    eve = await world.user("eve")
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await say_as(eve, here, "I know it")
    await agent.hear(here)
    assert asker.answers == []
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask", "I know it"]


async def test_somebody_else_can_be_asked_by_name(world):
    eve = await world.user("eve")
    asker = Asker(user_id="eve")
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await answer(world, agent, here, "I know it")
    await say_as(eve, here, "five")
    await agent.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == ["ask", "I know it"]


async def test_without_an_answer_the_handler_is_told_in_time_and_a_later_message_is_nobodys_answer(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    agent.clock.ahead += 9 * MINUTE
    await agent.deliver()
    assert asker.answers == []
    agent.clock.ahead += 2 * MINUTE
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "timed_out", [])]
    assert asker.shown == ["ask", "five"]
    assert await said(world, here) == ["well?", "answer 0: timed_out"]
    await nothing_is_left(agent)


async def test_what_stands_when_the_time_is_over_is_the_answer(world):
    """Both at one moment: nobody has heard of the answer yet when the time is over."""
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await world.say(here, "five")
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    await agent.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == ["ask"]
    await nothing_is_left(agent)


async def test_several_are_answered_in_the_order_in_which_they_stand_one_by_each_message(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "ask when? where? why?")
    await world.say(here, "now")
    await world.say(here, "here")
    await agent.hear(here)
    await answer(world, agent, here, "because")
    await answer(world, agent, here, "thanks")

    assert asker.answers == [
        (0, "answered", ["now"]),
        (1, "answered", ["here"]),
        (2, "answered", ["because"]),
    ]
    assert asker.shown == ["ask when? where? why?", "thanks"]
    await nothing_is_left(agent)


async def test_an_answer_that_came_while_nobody_ran_is_found_at_the_start(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    await world.say(here, "five")
    heir = await world.agent("agent", asker.plugin)
    await heir.deliver()
    await heir.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask"]


async def test_one_message_answers_one_question_also_over_a_restart(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "ask when? where?")
    for text in ("now", "here"):
        await answer(world, agent, here, text)
        await agent.journal.close()
        agent = await world.agent("agent", asker.plugin)
        await agent.deliver()

    assert asker.answers == [(0, "answered", ["now"]), (1, "answered", ["here"])]


async def test_an_agent_without_handlers_of_messages_hears_the_answer(world):
    asker = Asker()
    plugin, only = Plugin("p"), []

    @plugin.every(minutes=1)
    async def daily(ctx):
        if not only:
            only.append(await ctx.chats.direct(owner))
            await ctx.ask(only[0], "well?", name="q", data={"number": 0}, timeout=3600)

    asker.declare_answer(plugin)
    agent = await world.agent("agent", plugin)
    members = (await world.owner.chats.get(await direct(world)))["members"]
    (owner,) = [member["id"] for member in members if member["id"] != "agent"]
    await agent.deliver()
    agent.clock.ahead += MINUTE + 1
    await agent.deliver()
    await world.say(only[0], "five")
    await agent.parts.intake.hint([(only[0], None)])
    await agent.parts.dispatcher.attempts.questions.look_for_news()
    await agent.deliver()

    assert asker.answers == [(0, "answered", ["five"])]


async def test_a_handler_that_fails_is_shown_the_same_answer_again(world):
    asker = Asker()
    asker.fails = ["answer"]
    agent, here = await world.agent("agent", asker.plugin, max_attempts=2), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    agent.clock.ahead += MINUTE
    await agent.deliver()
    (letter,) = await agent.journal.dead_letters("agent")
    assert (letter.handler, letter.reason) == ("p.answered", "LookupError")
    asker.fails.clear()
    assert await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()

    assert asker.answers == [(0, "answered", ["five"])] * 3
    assert asker.shown == ["ask"]
    assert await said(world, here) == ["well?", "answer 0: five"]
    await nothing_is_left(agent)
