"""Questions that are not said: dropped, buried, or late; their plugin is told, once, and they are said no more."""

from __future__ import annotations

import pytest

from tests.integration.speech.asking import (
    MINUTE,
    Asker,
    answer,
    asked_but_not_said,
    bury_words,
    nothing_is_left,
    states,
)
from tests.integration.speech.speaking import direct, group, said

pytestmark = pytest.mark.slow


async def test_one_that_is_dropped_is_told_at_once(world):
    asker = Asker(on_conflict="drop")
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    asker.chat = await group(world, "agent")
    asker.asks["user_id"] = "nobody"
    await world.say(asker.chat, "known")
    await agent.hear(asker.chat)
    await world.say(here, "ask")
    await agent.take(*agent.hint(here))
    while not await states(agent):
        await agent.deliver_next()
    await world.say(asker.chat, "meanwhile")
    await agent.deliver()

    assert asker.answers == [(0, "unsaid", [])]
    assert await states(agent) == [("unsaid", True)]
    assert await said(world, asker.chat) == ["answer 0: unsaid"]
    await agent.hear(asker.chat)
    assert asker.shown == ["known", "ask", "meanwhile"]
    await nothing_is_left(agent)


async def test_one_that_is_a_dead_letter_is_told_when_its_time_is_over_and_not_said_any_more(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    letter_id = await bury_words(agent, here)
    await answer(world, agent, here, "no answer")
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    assert asker.answers == [(0, "unsaid", [])]
    assert await agent.journal.revive(agent.me, letter_id)
    await agent.deliver()

    assert await said(world, here) == ["answer 0: unsaid"]
    assert asker.shown == ["ask", "no answer"]
    await nothing_is_left(agent)


async def test_one_that_is_tried_again_in_time_is_asked_and_answered(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    assert await agent.journal.revive(agent.me, await bury_words(agent, here))
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]
    assert await said(world, here) == ["well?", "answer 0: five"]
    await nothing_is_left(agent)


async def test_one_whose_letter_is_dropped_is_told_at_once(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    assert await agent.journal.drop(agent.me, await bury_words(agent, here))
    await agent.deliver()

    assert asker.answers == [(0, "unsaid", [])]
    await nothing_is_left(agent)
