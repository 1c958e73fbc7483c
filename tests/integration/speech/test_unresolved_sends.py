"""Sends whose outcome nobody knows: looked for, parked, told, and never repeated by guessing."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.intent import IntentState
from mycel_runtime.plugin.plugin import Plugin

WAIT_SECONDS = 60.0

HISTORY = r"/api/chats/[^/]+/messages"


def answering(words="re"):
    plugin = Plugin("p")

    @plugin.on_message(sender="human")
    async def answer(ctx):
        for message in ctx.messages:
            await ctx.reply(f"{words}: {message.content}")

    return plugin


async def contents(world, chat_id, sender):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == sender]


async def test_q22_answers_lost_after_storing_are_found_and_never_repeated(world):
    agent = await world.agent("a", answering())
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]

    for number in range(10):
        await world.say(chat_id, f"{number}")
        world.backend.faults.lose_answer()
        await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == [f"re: {number}" for number in range(10)]
    assert len(agent.memory.named("send.unresolved")) == 10
    assert all(fact.recovered for fact in agent.memory.named("message.sent"))


async def test_q21_a_stored_row_in_a_500_is_the_result(world):
    """Q21: storing comes first, and fails later parts of the same request."""
    agent = await world.agent("a", answering())
    await world.user("other")
    chat_id = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    await world.say(chat_id, "x")
    world.backend.faults.fail_delivery()

    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["re: x"]


async def doubtful(world, agent, chat_id):
    """One send whose answer was lost while the history cannot be read."""
    await world.say(chat_id, "x")
    world.backend.faults.lose_answer_and_history()
    await agent.hear(chat_id)


async def test_with_the_history_down_a_doubt_is_parked_told_once_and_nothing_is_sent_again(world):
    agent = await world.agent("a", answering())
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await doubtful(world, agent, chat_id)
    assert [doubt.state for doubt in await agent.journal.unresolved("a")] == [IntentState.INTENDED]

    for _ in range(5):
        agent.clock.ahead += 60
        await agent.deliver()

    (doubt,) = await agent.journal.unresolved("a")
    assert doubt.state is IntentState.UNKNOWN
    (told,) = agent.memory.named("send.parked")
    assert (told.chat_id, told.send) == (chat_id, doubt.name)
    world.backend.faults.clear()
    assert await contents(world, chat_id, "a") == ["re: x"]


async def test_a_parked_doubt_settles_itself_when_the_history_can_be_read(world):
    agent = await world.agent("a", answering())
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await doubtful(world, agent, chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    world.backend.faults.clear()

    agent.clock.ahead += 60
    await agent.deliver()

    assert await agent.journal.unresolved("a") == []
    assert await contents(world, chat_id, "a") == ["re: x"]
    assert (await agent.journal.statistics("a")).due == 0


@pytest.mark.parametrize(("is_sent", "expected"), [(True, ["re: x"]), (False, ["re: x", "re: x"])])
async def test_the_operators_word_settles_a_doubt(world, is_sent, expected):
    """Believed even when it is wrong: whoever looks into the chat knows better than we do."""
    agent = await world.agent("a", answering())
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await doubtful(world, agent, chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    (doubt,) = await agent.journal.unresolved("a")

    assert await agent.journal.resolve("a", doubt.delivery_id, doubt.turn, doubt.ordinal, is_sent=is_sent)
    world.backend.faults.clear()
    agent.clock.ahead += 60
    await agent.deliver()

    assert await contents(world, chat_id, "a") == expected
    assert await agent.journal.unresolved("a") == []


async def test_after_a_crash_before_the_send_the_handlers_new_words_are_sent_not_the_old_ones(world):
    """Nothing is sent from the record, so no reply is older than the run that says it."""
    agent = await world.agent("a", answering("old"))
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    world.backend.faults.drop_request(method="POST", path=HISTORY)
    await agent.hear(chat_id)
    assert await contents(world, chat_id, "a") == []
    await agent.journal.close()

    again = await world.agent("a", answering("new"))
    again.clock.ahead += 3600
    await again.deliver()

    assert await contents(world, chat_id, "a") == ["new: x"]


async def test_a_retried_dead_letter_says_nothing_twice(world):
    plugin, is_mended = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply("first")
        if not is_mended:
            raise ValueError
        await ctx.reply("second")

    agent = await world.agent("a", plugin, max_attempts=2)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    (letter,) = await agent.journal.dead_letters("a")
    history = await world.owner.messages.list(chat_id)
    assert letter.message_ids == (history[0]["id"],)

    is_mended.append(True)
    assert await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()

    assert await contents(world, chat_id, "a") == ["first", "second"]


async def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_a_lost_request(world):
    """The lane stood still for as long as the clock had been set back."""
    agent = await world.agent("a", answering(), settle_grace=0.2)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "1")
    world.backend.faults.drop_request(method="POST", path=r"/api/chats/[^/]+/messages")
    ask = agent.sdk.messages.list

    async def set_back(*arguments, **options):
        if agent.memory.named("send.unresolved") and not agent.clock.ahead:
            agent.clock.ahead -= 3600
        return await ask(*arguments, **options)

    agent.sdk.messages.list = set_back
    async with asyncio.timeout(WAIT_SECONDS):
        await agent.hear(chat_id)

    assert agent.clock.ahead == -3600
    assert [intent.state for intent in await agent.journal.unresolved("a")] == []
