"""What is said first is said where everything before it was shown to every handler that wants it."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin, Retry
from mycel_runtime.errors import ApiError
from tests.integration.speech.speaking import GENERATIONS, call, direct, group, said

pytestmark = pytest.mark.slow


def two_handlers(shown, failing):
    """One speaks in another chat; two others hear what is said there, and the second one fails for a while."""
    plugin = Plugin("p")

    @plugin.on_message(chat="direct", pattern="^go")
    async def call(ctx):
        await ctx.say(ctx.settings or shown["chat"], "said first", on_conflict=shown.get("policy", "wait"))

    @plugin.on_message(chat="group")
    async def one(ctx):
        shown["one"] += [message.content for message in ctx.messages]

    @plugin.on_message(chat="group")
    async def two(ctx):
        if failing:
            raise Retry(after=30)
        shown["two"] += [message.content for message in ctx.messages]

    return plugin


async def test_it_waits_until_every_handler_was_shown_what_nobody_has_announced(world):
    shown, failing = {"one": [], "two": []}, [True]
    agent = await world.agent("agent", two_handlers(shown, failing))
    here, shown["chat"] = await direct(world), await group(world, "agent")
    await world.say(shown["chat"], "unseen")
    await call(world, agent, here)
    assert (shown["one"], await said(world, shown["chat"])) == (["unseen"], [])
    failing.clear()
    agent.clock.ahead += 31
    await agent.deliver()

    assert shown["two"] == ["unseen"]
    assert await said(world, shown["chat"]) == ["said first"]


async def test_buried_is_as_good_as_shown(world):
    shown, failing = {"one": [], "two": []}, [True]
    agent = await world.agent("agent", two_handlers(shown, failing), max_attempts=2)
    here, shown["chat"] = await direct(world), await group(world, "agent")
    await world.say(shown["chat"], "unseen")
    await call(world, agent, here)
    agent.clock.ahead += 31
    await agent.deliver()

    assert [letter.handler for letter in await agent.journal.dead_letters("agent")] == ["p.two"]
    assert await said(world, shown["chat"]) == ["said first"]


async def test_a_plugin_that_is_left_alone_is_not_waited_for_and_is_shown_everything_later(world):
    shown, failing = {"one": [], "two": []}, [True]
    agent = await world.agent("agent", two_handlers(shown, failing))
    here, shown["chat"] = await direct(world), await group(world, "agent")
    await world.say(shown["chat"], "unseen")
    await call(world, agent, here)
    assert await said(world, shown["chat"]) == []
    agent.parts.dispatcher.quarantine.keep_out(["p"])
    agent.clock.ahead += 31
    await agent.deliver()
    assert await said(world, shown["chat"]) == ["said first"]

    agent.parts.dispatcher.quarantine._refused = frozenset()
    failing.clear()
    agent.clock.ahead += 400
    await agent.deliver()
    assert shown["two"] == ["unseen"]


async def test_by_drop_it_is_not_said_when_somebody_has_spoken_since(world):
    shown = {"one": [], "two": [], "policy": "drop"}
    agent = await world.agent("agent", two_handlers(shown, []))
    here, shown["chat"] = await direct(world), await group(world, "agent")
    await world.say(shown["chat"], "known")
    await agent.hear(shown["chat"])
    await call(world, agent, here)
    assert await said(world, shown["chat"]) == ["said first"]
    await world.say(shown["chat"], "meanwhile")
    await call(world, agent, here, "go on")

    assert await said(world, shown["chat"]) == ["said first"]
    assert len(agent.memory.named("utterance.dropped")) == 1
    assert shown["one"] == shown["two"] == ["known", "meanwhile"]


@pytest.mark.parametrize("hears", [True, False], ids=["two listen", "nobody listens"])
@pytest.mark.parametrize("meanwhile", [["meanwhile"], []], ids=["somebody speaks", "nobody speaks"])
async def test_by_drop_so_it_is_in_a_chat_of_which_nobody_has_heard(world, hears, meanwhile):
    shown, made = {"one": [], "two": [], "policy": "drop"}, []
    plugin = two_handlers(shown, []) if hears else Plugin("p")

    @plugin.every(hours=1)
    async def post(ctx):
        await ctx.say(elsewhere, "said first", on_conflict="drop")
        made.append(True)

    agent, elsewhere = await world.agent("agent", plugin), await group(world, "agent")
    await world.say(elsewhere, "unseen")
    await agent.deliver()
    agent.clock.ahead += 3601
    await agent.parts.dispatcher.timekeeper.fire_due(agent.clock())
    assert (await agent.deliver_next(), made) == (1, [True])
    for text in meanwhile:
        await world.say(elsewhere, text)
    await agent.deliver()

    assert await said(world, elsewhere) == ([] if meanwhile else ["said first"])
    assert len(agent.memory.named("utterance.dropped")) == len(meanwhile)


async def test_by_drop_nothing_is_made_while_the_backend_cannot_tell_what_stands_there(world):
    shown, raised = {"one": [], "two": []}, []
    plugin = two_handlers(shown, [])

    @plugin.on_message(chat="direct", pattern="^try")
    async def attempt(ctx):
        try:
            await ctx.say("no-such-chat", "said first", on_conflict="drop")
        except ApiError as exc:
            raised.append(exc.status_code)

    agent, here = await world.agent("agent", plugin), await direct(world)
    await call(world, agent, here, "try")

    assert raised == [403]
    assert (await agent.journal.statistics("agent")).due == 0


async def test_by_drop_it_is_not_said_when_somebody_speaks_while_it_is_sent(world):
    shown = {"one": [], "two": [], "policy": "drop"}
    agent = await world.agent("agent", two_handlers(shown, []))
    here, shown["chat"] = await direct(world), await group(world, "agent")
    read = agent.sdk.messages.read

    async def interrupted(chat_id):
        if chat_id == shown["chat"] and not shown["one"]:
            await world.say(shown["chat"], "just now")
        return await read(chat_id)

    agent.sdk.messages.read = interrupted
    await call(world, agent, here)

    assert await said(world, shown["chat"]) == []
    assert shown["one"] == shown["two"] == ["just now"]


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_conflict_and_what_slips_in_are_shown_to_every_handler(world, options):
    shown = {"one": [], "two": []}
    agent = await world.agent("agent", two_handlers(shown, []))
    here, shown["chat"] = await direct(world), await group(world, "agent")
    world.backend.faults.conflict_once()
    if not options:
        world.backend.faults.interject((await world.owner.me.whoami())["id"], "slipped in")
    await call(world, agent, here)

    assert await said(world, shown["chat"]) == ["said first"]
    assert shown["one"] == shown["two"] == ([] if options else ["slipped in"])


async def test_without_any_handler_of_messages_nobody_is_waited_for(world):
    plugin = Plugin("p")

    @plugin.every(hours=1)
    async def post(ctx):
        await ctx.say(chat_id, "news")

    agent = await world.agent("agent", plugin)
    chat_id = await group(world, "agent")
    await agent.deliver()
    for _ in range(3):
        await world.say(chat_id, "nobody hears it")
        agent.clock.ahead += 3601
        await agent.deliver()

    assert await said(world, chat_id) == ["news"] * 3
