"""A limit of requests: the call that it refuses is made again, in the same run, and what it hides is not lost."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_unresolved_sends import contents
from tests.road.gateway import Gateway
from tests.road.message import html

PROOF = r"/messages/read$"
MARK = r"/read$"
SEND = r"/messages$"
PATIENCE_SECONDS = 20.0

TOO_MANY = html(429, "Too Many Requests")
COME_BACK = html(429, "Too Many Requests", retry_after=0.2)
UNAVAILABLE = html(503, "Service Temporarily Unavailable")
ALL = pytest.mark.parametrize("refusal", [TOO_MANY, COME_BACK, UNAVAILABLE], ids=["429", "later", "503"])


@pytest.fixture
def gateway(world):
    with Gateway(world.backend.port) as gateway:
        yield gateway


def counting(runs):
    """Answers what it is shown, and notes it."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        shown = [message.content for message in ctx.messages]
        runs.append(shown)
        await ctx.reply(f"re: {' '.join(shown)}")

    return plugin


async def start(world, gateway, plugin):
    agent = await world.agent("a", plugin, base_url=gateway.base_url, patience=PATIENCE_SECONDS)
    chat_id = (await world.owner.chats.create(["a"], kind="group", title="g"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("path", [PROOF, SEND])
async def test_a_call_that_a_limit_refuses_five_times_is_repeated_in_the_same_run(
    world, gateway, path, refusal
):
    runs = []
    agent, chat_id = await start(world, gateway, counting(runs))
    gateway.replace(refusal, "POST", path, count=5)
    await agent.hear(chat_id, 1)

    assert runs == [["x"]]
    assert await contents(world, chat_id, "a") == ["re: x"]
    assert (await agent.journal.statistics("a")).due == 0
    assert agent.memory.named("delivery.postponed") == []


@ALL
@pytest.mark.parametrize("nth", [0, 1])
async def test_what_a_refused_read_has_taken_all_the_same_is_shown_and_answered_once(
    world, gateway, refusal, nth
):
    """The limiter sits behind: the second message is read by a request that it answers afterwards."""
    runs, said = [], asyncio.Event()
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        shown = [message.content for message in ctx.messages]
        runs.append(shown)
        if not said.is_set():
            await world.say(ctx.chat_id, "y")
            said.set()
        await ctx.reply(f"re: {' '.join(shown)}")

    agent, chat_id = await start(world, gateway, plugin)
    if nth:
        gateway.replace(refusal, "POST", PROOF, count=nth)
    gateway.replace_after(refusal, "POST", PROOF, count=1)
    await agent.hear(chat_id, 1)
    await agent.hear(chat_id, 2)

    assert runs == [["x"], ["x", "y"]]
    assert await contents(world, chat_id, "a") == ["re: x y"]


async def test_a_reply_that_is_too_large_is_sent_once_in_a_run_and_looked_for_once(world, gateway):
    """The same words are too large each time; whether it is there all the same is asked before anything else."""
    agent, chat_id = await start(world, gateway, counting([]))
    await agent.hear(chat_id, 1)
    gateway.calls.clear()
    gateway.replace(html(413, "Request Entity Too Large"), "POST", SEND)
    await world.say(chat_id, "y")
    await agent.take(*agent.hint(chat_id, 3))
    await agent.deliver_next()

    assert gateway.calls["POST /api/chats/{id}/messages"] == 1
    assert gateway.calls["GET /api/chats/{id}/messages"] == 2, (
        "what the handler is shown; whether it is there"
    )
