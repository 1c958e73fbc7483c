"""Questions that are open when the agent starts with other code: renamed, gone, or not to be imported."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin
from tests.integration.speech.asking import Asker, answer, ask, states
from tests.integration.speech.speaking import direct

pytestmark = pytest.mark.slow


async def test_a_question_that_nobody_handles_any_more_swallows_nothing_and_is_told_once(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def one(ctx):
        shown.extend(message.content for message in ctx.messages)

    heir = await world.agent("agent", plugin)
    await answer(world, heir, here, "five")
    assert shown == ["five"]
    (fact,) = heir.memory.named("question.forgotten")
    assert (fact.plugin, fact.question, fact.questions) == ("p", "q", 1)
    assert await heir.journal.timers("agent") == []
    assert await states(heir) == [("forgotten", True)]
    await heir.journal.close()

    again = await world.agent("agent", asker.plugin)
    assert again.memory.named("question.forgotten") == []
    await again.deliver()
    assert asker.answers == []


async def test_it_goes_on_with_the_handler_of_its_name_whatever_that_is_called(world):
    asker, other = Asker(), Plugin("p")
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    asker.declare_answer(other, "renamed")
    heir = await world.agent("agent", other)
    await world.say(here, "five")
    await heir.parts.intake.hint([(here, None)])
    await heir.deliver()

    assert asker.answers == [(0, "answered", ["five"])]


async def test_a_plugin_that_could_not_be_imported_is_waited_for(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    known = await agent.journal.adopt_questions("agent", handlers={}, kept=["p"])
    assert (known.chats, list(known.forgotten)) == ({here}, [])
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]
