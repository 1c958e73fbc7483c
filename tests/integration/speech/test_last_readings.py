"""One reading of a chat serves all of its handlers that it holds nothing for, if it is newer than their hints."""

from __future__ import annotations

import pytest

from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.wire.ids import MessageSeq
from tests.integration.speech.test_unresolved_sends import contents
from tests.road.gateway import Gateway
from tests.road.message import html

HISTORY = r"/messages\?"
READS = "GET /api/chats/{id}/messages"
HANDLERS = 9


@pytest.fixture
def gateway(world):
    with Gateway(world.backend.port) as gateway:
        yield gateway


def listening(heard):
    """As many handlers, of which one answers."""
    plugin = Plugin("p")

    @plugin.on_message(pattern="^question")
    async def answer(ctx):
        heard.append([message.content for message in ctx.messages])
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    for number in range(HANDLERS - 1):

        async def never(ctx):
            raise AssertionError(ctx)

        never.__name__ = f"never_{number}"
        plugin.on_message(pattern=f"^nobody says {number}")(never)
    return plugin


async def start(world, gateway, plugin, **dispatch):
    agent = await world.agent("a", plugin, base_url=gateway.base_url, **dispatch)
    return agent, (await world.owner.chats.create(["a"], kind="group", title="g"))["id"]


async def test_a_message_is_read_once_more_at_most_for_all_handlers_that_might_want_it(world, gateway):
    heard = []
    agent, chat_id = await start(world, gateway, listening(heard))
    await world.say(chat_id, "question 1")
    await agent.hear(chat_id, 1)
    gateway.calls.clear()

    for number in (2, 3):
        sent = await world.say(chat_id, f"question {number}")
        await agent.hear(chat_id, sent["seq"])

    assert heard == [["question 1"], ["question 2"], ["question 3"]]
    assert await contents(world, chat_id, "a") == ["re: question 1", "re: question 2", "re: question 3"]
    # Of those that want nothing the first one reads, and so does the one that is run.
    assert gateway.calls[READS] <= 2 * 3


async def test_the_failure_of_one_read_is_one_handlers_and_the_others_read_on_their_own(world, gateway):
    heard = []
    agent, chat_id = await start(world, gateway, listening(heard))
    await world.say(chat_id, "question")
    gateway.replace(html(502, "Bad Gateway"), "GET", HISTORY, count=1)

    await agent.hear(chat_id, 1)

    assert len(agent.memory.named("delivery.postponed")) <= 1
    agent.clock.ahead += 60
    await agent.deliver()
    assert heard == [["question"]]
    assert await contents(world, chat_id, "a") == ["re: question"]


async def test_what_became_due_after_the_last_reading_is_read_anew(world, gateway):
    """The first handler, which wants nothing, has read the chat when the message comes that the second one wants."""
    heard = []
    plugin = Plugin("p")

    @plugin.on_message(pattern="^nobody")
    async def first(ctx):
        raise AssertionError(ctx)

    @plugin.on_message(pattern="^wanted")
    async def second(ctx):
        heard.extend(message.content for message in ctx.messages)

    agent, chat_id = await start(world, gateway, plugin)
    await world.say(chat_id, "before")
    await agent.hear(chat_id, MessageSeq(1))

    for number, has_number in enumerate((True, False), start=1):
        newest = (await world.say(chat_id, "unwanted"))["seq"]
        await agent.take(*agent.hint(chat_id, newest))
        # The first handler's reading holds one more than the hint told of: a look "once more" reaches no further.
        newest = (await world.say(chat_id, "unwanted"))["seq"]
        assert await agent.deliver_next() == 1
        await world.say(chat_id, "wanted")
        await agent.take(agent.hint(chat_id, newest + 1 if has_number else None)[1])
        await agent.deliver()
        assert heard == ["wanted"] * number
