"""Tools beside handlers: what is read by one counts when its caller calls again, and nobody speaks past anybody."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime import Plugin
from mycel_runtime.errors import ToolProblemError
from mycel_runtime.journal.tool_handlers import TOOL_REPLY
from tests.integration.speech.speaking import GENERATIONS, direct, said
from tests.integration.speech.tool_client import ToolClient

pytestmark = pytest.mark.slow

WAIT_SECONDS = 60.0


def answering(*, pattern=None):
    """An agent whose handler answers each message."""
    plugin = Plugin("p")

    @plugin.on_message(pattern=pattern)
    async def answer(ctx):
        for message in ctx.messages:
            await ctx.reply(f"handled {message.content}")

    return plugin


async def spoken(agent, speaking):
    """The result of something that is said while the agent's lanes are run."""
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_kept(speaking))
        while not task.done():
            await agent.deliver()
            await asyncio.sleep(0.005)
    result = task.result()
    if isinstance(result, ToolProblemError):
        raise result
    return result


async def _kept(speaking):
    try:
        return await speaking
    except ToolProblemError as exc:
        return exc


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_what_is_read_is_answered_once_it_has_been_read(world, options):
    agent = await world.agent("agent", Plugin("silent"))
    client, here = ToolClient(agent), await direct(world)
    await world.say(here, "hello")

    with pytest.raises(ToolProblemError, match="not read this chat yet"):
        await client.call("reply", chat_id=here, text="hi")
    assert await client.texts(here) == ["hello"]
    result = await spoken(agent, client.call("reply", chat_id=here, text="hi"))
    assert (result["state"], result["seq"], result["meanwhile"]) == ("said", 2, [])
    assert (await spoken(agent, client.call("reply", chat_id=here, text="more")))["seq"] == 3
    assert await said(world, here) == ["hi", "more"]
    assert await client.texts(here) == []


async def test_a_reply_to_what_is_overtaken_is_not_said_and_tells_what_came(world):
    agent = await world.agent("agent", Plugin("silent"))
    client, here = ToolClient(agent), await direct(world)
    await world.say(here, "hello")
    await client.texts(here)
    await world.say(here, "wait")

    with pytest.raises(ToolProblemError, match="somebody spoke in this chat meanwhile") as refused:
        await spoken(agent, client.call("reply", chat_id=here, text="hi"))
    assert [message["text"] for message in refused.value.shown["meanwhile"]] == ["wait"]
    assert await said(world, here) == []

    # It has been shown that, so it is not shown it again, and may reply.
    assert await client.texts(here) == []
    assert (await spoken(agent, client.call("reply", chat_id=here, text="hi then")))["state"] == "said"
    assert await said(world, here) == ["hi then"]


async def test_a_reply_waits_for_the_handler_and_is_not_said_past_its_words(world):
    agent = await world.agent("agent", answering())
    client, here = ToolClient(agent), await direct(world)
    await world.say(here, "hello")
    await client.texts(here)
    await agent.take(*agent.hint(here, 1))

    with pytest.raises(ToolProblemError) as refused:
        await spoken(agent, client.call("reply", chat_id=here, text="hi"))
    (seen,) = refused.value.shown["meanwhile"]
    assert (seen["text"], seen["by_you"]) == ("handled hello", True)
    assert await said(world, here) == ["handled hello"]


async def test_what_the_agents_handlers_say_is_read_and_what_the_client_has_said_is_not(world):
    agent = await world.agent("agent", answering(pattern="^a"))
    client, here = ToolClient(agent), await direct(world)
    await world.say(here, "a")
    await agent.hear(here, 1)

    assert await client.texts(here) == ["a", "handled a"]
    await spoken(agent, client.call("say", chat_id=here, text="by the way"))
    await spoken(agent, client.call("reply", chat_id=here, text="and more"))
    await world.say(here, "b")
    assert await client.texts(here) == ["b"]
    assert await said(world, here) == ["handled a", "by the way", "and more"]


async def test_what_is_said_first_waits_until_every_handler_was_shown_what_stands_before(world):
    agent = await world.agent("agent", answering())
    client, here = ToolClient(agent, seconds=0.0), await direct(world)
    await world.say(here, "hello")

    result = await client.call("say", chat_id=here, text="news")
    assert result["state"] == "waiting"
    await agent.deliver()
    agent.clock.ahead += 60
    await agent.deliver()

    assert (await client.call("outcome", speech_id=result["speech_id"]))["state"] == "said"
    assert await said(world, here) == ["handled hello", "news"]


async def test_what_is_said_to_a_person_is_said_in_the_direct_chat(world):
    await world.user("eve")
    agent = await world.agent("agent", Plugin("silent"))
    client = ToolClient(agent)

    assert (await spoken(agent, client.call("say", user_id="eve", text="hello")))["state"] == "said"
    (chat,) = (await client.call("chats"))["chats"]
    assert [member["user_id"] for member in chat["members"]] == ["eve"]
    assert chat["last_message"]["text"] == "hello"


async def test_a_page_counts_as_read_when_its_client_calls_again_and_not_before(world):
    agent = await world.agent("agent", Plugin("silent"))
    here = await direct(world)
    for text in ("one", "two", "three"):
        await world.say(here, text)

    assert await ToolClient(agent).texts(here, limit=2) == ["one", "two"]
    client = ToolClient(agent)
    assert await client.texts(here, limit=2) == ["one", "two"]
    assert await client.texts(here, limit=2) == ["three"]
    await client.call("chats")
    assert await ToolClient(agent).texts(here) == []


async def test_what_another_client_has_read_meanwhile_is_shown_to_who_has_begun_before(world):
    agent = await world.agent("agent", Plugin("silent"))
    one, two, here = ToolClient(agent), ToolClient(agent), await direct(world)
    await world.say(here, "first")
    assert await two.texts(here) == ["first"]
    await two.call("chats")
    for text in ("a", "b", "c"):
        await world.say(here, text)
    assert await one.texts(here) == ["a", "b", "c"]
    await spoken(agent, one.call("reply", chat_id=here, text="mine"))

    with pytest.raises(ToolProblemError):
        await spoken(agent, two.call("reply", chat_id=here, text="stale"))
    three = ToolClient(agent)
    three.toolbox.view.know(here, 1)
    assert await three.texts(here, limit=2) == ["a", "b"]
    assert await three.texts(here) == ["c", "mine"]
    assert await said(world, here) == ["mine"]


async def test_a_call_that_is_made_again_with_its_key_says_nothing_twice(world):
    agent = await world.agent("agent", Plugin("silent"))
    here = await direct(world)
    arguments = {"key": "k", "chat_id": here, "text": "once", "mentions": [], "known_seq": None}
    tools = agent.parts.dispatcher.tools
    lost = await tools.speak(**arguments, seconds=0.0)
    assert lost["state"] == "waiting"
    again = await spoken(agent, tools.speak(**arguments, seconds=10.0))

    heir = await reborn(world, agent)
    third = await heir.parts.dispatcher.tools.speak(**arguments, seconds=0.0)
    assert third == again
    assert (again["state"], await said(world, here)) == ("said", ["once"])


class Death(BaseException):
    """The process is gone."""


async def reborn(world, agent):
    """Another life of the agent, on its journal."""
    await agent.journal.close()
    return await world.agent(agent.me, agent.plugin)


@pytest.mark.parametrize("step", ["after intent", "after send"])
async def test_a_daemon_that_dies_between_intent_and_proof_says_nothing_twice(world, step):
    agent = await world.agent("agent", Plugin("silent"))
    client, here = ToolClient(agent, seconds=0.0), await direct(world)
    await world.say(here, "hello")
    await client.texts(here)
    result = await client.call("reply", chat_id=here, text="once")
    send = agent.sdk.messages.send

    async def die(*args, **kwargs):
        if step == "after send":
            await send(*args, **kwargs)
        raise Death

    agent.sdk.messages.send = die
    with pytest.raises(BaseExceptionGroup):
        await agent.deliver()
    heir = await reborn(world, agent)
    outcome = await spoken(heir, ToolClient(heir).call("outcome", speech_id=result["speech_id"]))

    assert (outcome["state"], outcome["seq"]) == ("said", 2)
    assert await said(world, here) == ["once"]


async def test_a_dead_letter_of_a_tool_is_told_and_may_be_tried_again(world):
    agent = await world.agent("agent", Plugin("silent"), max_attempts=1)
    client, here = ToolClient(agent), await direct(world)
    await client.texts(here)
    world.backend.faults.refuse(422, path=f"/api/chats/{here}/messages", method="POST")

    with pytest.raises(ToolProblemError, match="not said, after several attempts"):
        await spoken(agent, client.call("reply", chat_id=here, text="long"))
    (letter,) = await agent.journal.dead_letters(agent.me)
    assert letter.handler == TOOL_REPLY
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert await said(world, here) == ["long"]


async def test_relationships_are_listed_and_decided_once(world):
    eve = await world.user("eve")
    agent = await world.agent("agent", Plugin("silent"))
    client = ToolClient(agent)
    await eve.relationships.request("agent", message="let me in")

    (asked,) = (await client.call("relationships"))["relationships"]
    assert (asked["user_id"], asked["waits_for_you"], asked["message"]) == ("eve", True, "let me in")
    decided = {"relationship_id": asked["relationship_id"], "decision": "approve"}
    assert await client.call("decide_relationship", **decided) == {"stands": True}
    assert await client.call("decide_relationship", **decided) == {"stands": True}
    with pytest.raises(ToolProblemError, match="no such relationship"):
        await client.call("decide_relationship", relationship_id="nope", decision="reject")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read", {"chat_id": "nowhere"}),
        ("history", {"chat_id": "nowhere"}),
        ("members", {"chat_id": "nowhere"}),
        ("say", {"chat_id": "nowhere", "text": "x"}),
        ("say", {"user_id": "nobody", "text": "x"}),
        ("say", {"text": "x"}),
        ("outcome", {"speech_id": "x"}),
        ("outcome", {"speech_id": "x::y"}),
    ],
)
async def test_what_cannot_be_done_is_told_with_what_to_do(world, name, arguments):
    agent = await world.agent("agent", Plugin("silent"))

    with pytest.raises(ToolProblemError) as problem:
        await ToolClient(agent).call(name, **arguments)
    assert problem.value.fix
    assert (await agent.journal.statistics(agent.me)).due == 0
