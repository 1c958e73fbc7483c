"""What never gets better costs the handlers little and the backend less and less."""

from __future__ import annotations

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_quirks import listening, recorded
from tests.integration.speech.test_unresolved_sends import contents

MINUTES = 5


async def test_a_chat_that_cannot_be_read_is_asked_less_and_less_while_another_is_busy(world):
    plugin, shown = listening()
    agent = await world.agent("a", plugin, retry_base=1.0, retry_cap=60.0)
    await world.user("other")
    broken = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    busy = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(broken, "x")
    world.backend.faults.refuse(500, 10**6, path=f"/api/chats/{broken}/messages", method="GET")
    asked = recorded(agent, "list")
    await agent.hear(broken, 1)
    for number in range(MINUTES * 12):
        await world.say(busy, f"{number}")
        await agent.hear(busy, number + 1)
        agent.clock.ahead += 5

    assert len(shown) == MINUTES * 12
    assert 3 < sum(args[0] == broken for args in asked) < MINUTES * 4


async def test_a_refusal_for_what_nobody_can_see_is_a_dead_letter_in_the_end(world):
    """By the rules of generation A a number that was drawn and never used (Q54) is in the way for ever."""
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        await ctx.reply("hi")

    agent = await world.agent("a", plugin, max_attempts=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    newest = await world.say(chat_id, "x")
    world.backend.faults.refuse(409, 1_000, path=f"/api/chats/{chat_id}/messages", method="POST")
    await agent.hear(chat_id, 1)
    for _ in range(5):
        agent.clock.ahead += 60
        await agent.deliver()

    assert runs == [1, 2, 3]
    (letter,) = await agent.journal.dead_letters("a")
    assert letter.message_ids == (newest["id"],)
    world.backend.faults.clear()
    await agent.journal.revive(letter.dead_letter_id, now=agent.clock())
    await agent.deliver()
    assert await contents(world, chat_id, "a") == ["hi"]


async def test_refusals_for_what_is_new_spend_nothing(world):
    """Somebody speaks before every reply; the handler is asked again and again, and answers when he is done."""
    plugin, runs, words = Plugin("p"), [], [f"{number}" for number in range(12)]

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        if words:
            await world.say(ctx.chat_id, words.pop())
        await ctx.reply("hi")

    agent = await world.agent("a", plugin, max_attempts=1, conflict_rounds=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)
    for _ in range(6):
        agent.clock.ahead += 60
        await agent.deliver()

    assert runs == [1] * 13
    assert await contents(world, chat_id, "a") == ["hi"]
