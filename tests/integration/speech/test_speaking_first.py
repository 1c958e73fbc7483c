"""What is said first is said once, when and where everything before it was shown to every handler that wants it."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3

import pytest

from mycel_runtime import Plugin, Reject, Retry
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.plugin.isolation.process import WorkerSpec

pytestmark = pytest.mark.slow

GENERATIONS = {"a": {"generation": "a", "quirks": Quirks(check_then_write=False)}, "b": {}}
WAIT_SECONDS = 60.0
_NUMBERS = itertools.count()


async def said(world, chat_id, by="agent"):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == by]


async def direct(world, name="agent"):
    return (await world.owner.chats.ensure_direct(name))["id"]


async def group(world, *members):
    """With somebody who says nothing: of two, generation A makes no group."""
    bystander = f"bystander-{next(_NUMBERS)}"
    await world.user(bystander)
    return (await world.owner.chats.create([*members, bystander], kind="group", title="g"))["id"]


def caller(say, **on_message):
    """A plugin that says something when it is told to in its direct chat; `say(ctx)` says it."""
    plugin = Plugin("p")

    @plugin.on_message(chat="direct", pattern="^go", **on_message)
    async def call(ctx):
        await say(ctx)

    return plugin


async def call(world, agent, here, text="go"):
    await world.say(here, text)
    await agent.hear(here)


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_handler_speaks_in_another_chat_in_the_order_of_its_words(world, options):
    async def say(ctx):
        for text in ("one", "two"):
            assert await ctx.say(elsewhere, f"{text}: {ctx.messages[-1].content}") is None
        await ctx.reply("passed on")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)

    assert await said(world, here) == ["passed on"]
    assert await said(world, elsewhere) == ["one: go", "two: go"]


PLUGIN = """
import json
from mycel_runtime import Plugin
from mycel_runtime.errors import ApiError, ArgumentError
plugin = Plugin("p")

@plugin.on_message(pattern="^async")
async def awaited(ctx):
    chat_id = await ctx.chats.direct("eve")
    assert chat_id == await ctx.chats.direct("eve")
    assert await ctx.say(chat_id, "hello", mentions=["eve"]) is None
    assert await ctx.say(ctx.chat_id, "first here") is None
    told = {"again": (await ctx.reply("second here")).seq}
    for chat_id, text in ((chat_id, " "), (chat_id, 5), (5, "x")):
        try:
            await ctx.say(chat_id, text)
        except ArgumentError as exc:
            told[str(text)] = exc.problem
    try:
        await ctx.say(chat_id, "x", on_conflict="rerun")
    except ArgumentError as exc:
        told["policy"] = exc.problem
    try:
        await ctx.chats.direct("nobody")
    except ApiError as exc:
        told["nobody"] = exc.status_code
    await ctx.reply(json.dumps(told))

@plugin.on_message(pattern="^plain")
def plain(ctx):
    chat_id = ctx.chats.direct("eve")
    assert chat_id == ctx.chats.direct("eve")
    assert ctx.say(chat_id, "hello", mentions=["eve"]) is None
    assert ctx.say(ctx.chat_id, "first here") is None
    told = {"again": ctx.reply("second here").seq}
    for chat_id, text in ((chat_id, " "), (chat_id, 5), (5, "x")):
        try:
            ctx.say(chat_id, text)
        except ArgumentError as exc:
            told[str(text)] = exc.problem
    try:
        ctx.say(chat_id, "x", on_conflict="rerun")
    except ArgumentError as exc:
        told["policy"] = exc.problem
    try:
        ctx.chats.direct("nobody")
    except ApiError as exc:
        told["nobody"] = exc.status_code
    ctx.reply(json.dumps(told))

@plugin.on_timer("later")
async def later(ctx):
    await ctx.say(ctx.data, "by a timer")

@plugin.on_message(pattern="^timer")
async def plan(ctx):
    ctx.timers.set("later", after=0, data=await ctx.chats.direct("eve"))

@plugin.on_relationship
def asked(ctx):
    ctx.say(ctx.chats.direct(ctx.other_user_id), "nice to meet you")

@plugin.every(hours=1)
def hourly(ctx):
    ctx.say(ctx.chats.direct("eve"), "by a schedule")
"""


@pytest.fixture(params=["here", "isolated"])
async def anywhere(request, world, tmp_path):
    """An agent that runs its plugin here, or in a process of its own."""
    worker = None
    if request.param == "isolated":
        (tmp_path / "p.py").write_text(PLUGIN)
        worker = WorkerSpec(
            name="p", table={"path": "p.py"}, config=tmp_path / "agent.toml", import_timeout=60
        )
    names = {}
    exec(PLUGIN, names)
    return await world.agent("agent", names["plugin"], worker=worker)


async def test_every_handler_can_wherever_it_runs(world, anywhere):
    eve, told = await world.user("eve"), {}
    here = await direct(world)
    for colour in ("async", "plain"):
        await call(world, anywhere, here, colour)
        *first, told[colour] = await said(world, here)
        assert first[-2:] == ["first here", "second here"]
        told[colour] = told[colour].replace("7", "3")
    await call(world, anywhere, here, "timer")
    anywhere.clock.ahead += 600  # by the clock of a process of its own
    await anywhere.deliver()
    await eve.relationships.request("agent", "please")
    await anywhere.parts.reconciler.run("test")
    await anywhere.deliver()
    anywhere.clock.ahead += 3601
    await anywhere.deliver()

    chat_id = (await eve.chats.ensure_direct("agent"))["id"]
    words = [message["content"] for message in await eve.messages.list(chat_id)]
    assert words == ["hello", "hello", "by a timer", "nice to meet you", "by a schedule"]
    assert (await eve.messages.list(chat_id))[0]["mentioned_ids"] == ["eve"]
    assert told["async"] == told["plain"]
    assert '"5": "the text is int, not a text"' in told["async"]
    assert '"nobody": 400' in told["async"]
    assert await anywhere.journal.dead_letters("agent") == []


async def test_a_run_that_fails_has_spoken_and_is_repeated_without_saying_anything_twice(world):
    """Its second run speaks to the same chats in another order, and to one more."""

    async def say(ctx):
        for chat_id in chats[: ctx.attempt + 1] if ctx.attempt == 1 else reversed(chats):
            await ctx.say(chat_id, f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            raise Retry(after=30)

    agent = await world.agent("agent", caller(say))
    here, chats = await direct(world), [await group(world, "agent") for _ in range(3)]
    await call(world, agent, here)
    assert [await said(world, chat_id) for chat_id in chats] == [["attempt 1"], ["attempt 1"], []]
    agent.clock.ahead += 60
    await agent.deliver()

    assert [await said(world, chat_id) for chat_id in chats] == [["attempt 1"], ["attempt 1"], ["attempt 2"]]


async def test_a_dead_letter_that_is_tried_again_has_said_what_it_has_said(world):
    async def say(ctx):
        await ctx.say(elsewhere, "once")
        raise Reject("no")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)
    for _ in range(2):
        (letter,) = await agent.journal.dead_letters("agent")
        assert await agent.journal.revive(letter.dead_letter_id, now=agent.clock())
        await agent.deliver()

    assert await said(world, elsewhere) == ["once"]


async def test_what_is_left_unawaited_fails_the_run(world):
    async def say(ctx):
        ctx.say(elsewhere, "never")

    agent = await world.agent("agent", caller(say, max_attempts=1))
    here, elsewhere = await direct(world), await group(world, "agent")
    await call(world, agent, here)

    (letter,) = await agent.journal.dead_letters("agent")
    assert letter.reason == "ReplyNotAwaitedError"
    assert await said(world, elsewhere) == []


async def test_it_returns_at_once_though_its_chat_is_busy(world):
    """And two handlers that speak in each other's chat do not wait for each other."""
    plugin, both = Plugin("p"), asyncio.Barrier(2)

    @plugin.on_message(pattern="^go")
    async def cross(ctx):
        await both.wait()
        other = chats[1 - chats.index(ctx.chat_id)]
        await asyncio.wait_for(ctx.say(other, "hello over there"), WAIT_SECONDS)
        await both.wait()
        await ctx.reply("done")

    agent = await world.agent("agent", plugin)
    chats = [await group(world, "agent"), await group(world, "agent")]
    for chat_id in chats:
        await world.say(chat_id, "go")
    await agent.take(*(hint for chat_id in chats for hint in agent.hint(chat_id)))
    await agent.deliver()

    for chat_id in chats:
        assert await said(world, chat_id) == ["done", "hello over there"]


# Never before what is unseen


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


# Trouble


@pytest.mark.parametrize("options", GENERATIONS.values(), ids=GENERATIONS)
async def test_a_lost_answer_is_looked_for(world, options):
    async def say(ctx):
        await ctx.say(elsewhere, "once")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    world.backend.faults.lose_answer(path=f"/api/chats/{elsewhere}/messages")
    await call(world, agent, here)

    assert await said(world, elsewhere) == ["once"]
    assert [fact.recovered for fact in agent.memory.named("message.sent")] == [True]


async def test_what_cannot_be_said_is_a_dead_letter_and_can_be_said_later(world):
    """Its words are kept for that; and erased when it has been said, or its letter is dropped."""

    async def say(ctx):
        await ctx.say(ctx.messages[-1].content.removeprefix("go "), "at last")

    agent = await world.agent("agent", caller(say), max_attempts=2)
    stranger = await world.user("stranger")
    here, closed = await direct(world), (await stranger.chats.create([], kind="group", title="g"))["id"]
    for _ in range(2):
        await call(world, agent, here, f"go {closed}")
    for _ in range(4):
        agent.clock.ahead += 60
        await agent.deliver()
    letters = await agent.journal.dead_letters("agent")
    assert [(letter.lane, letter.attempts) for letter in letters] == [(f"chat:{closed}", 2)] * 2
    assert "at last" not in repr(letters)
    assert words_kept(agent) == ["at last", "at last"]

    await stranger.chats.add_member(closed, "agent")
    assert await agent.journal.revive(letters[0].dead_letter_id, now=agent.clock())
    await agent.deliver()
    assert [each["content"] for each in await stranger.messages.list(closed)] == ["at last"]
    assert await agent.journal.drop(letters[1].dead_letter_id)
    assert words_kept(agent) == []


def words_kept(agent):
    rows = sqlite3.connect(agent.journal._path).execute("SELECT content FROM utterance")
    return [content for (content,) in rows if content is not None]


async def test_an_outage_costs_the_wait(world):
    async def say(ctx):
        await ctx.say(elsewhere, "after all")

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    world.backend.faults.refuse(503, 1_000, path=f"/api/chats/{elsewhere}/.*")
    for _ in range(12):
        await call(world, agent, here) if not _ else await agent.deliver()
        agent.clock.ahead += 60
    assert words_kept(agent) == ["after all"]
    world.backend.faults.clear()
    agent.clock.ahead += 60
    await agent.deliver()

    assert await said(world, elsewhere) == ["after all"]
    assert await agent.journal.dead_letters("agent") == []
    assert words_kept(agent) == []


async def test_agents_that_speak_first_to_each_other_fall_silent_and_schedules_go_on(world):
    def talkative():
        plugin = Plugin("p")

        @plugin.on_message(sender="agent")
        async def answer(ctx):
            ctx.timers.set("later", after=0, data=ctx.chat_id)

        @plugin.on_timer("later")
        async def later(ctx):
            await ctx.say(ctx.data, "and so on")

        @plugin.every(hours=1)
        async def post(ctx):
            if chats:
                await ctx.say(chats[0], "news")

        return plugin

    chats = []
    one, two = [await world.agent(name, talkative(), guard={"turns": 3}) for name in ("one", "two")]
    chat_id = await group(world, "one", "two")
    await one.sdk.messages.send(chat_id, "begin", delivery_scope=None)
    for _ in range(12):
        for agent in (two, one):
            await agent.hear(chat_id)
    spoken = len(await said(world, chat_id, by="one")) + len(await said(world, chat_id, by="two"))
    assert spoken <= 1 + 3 + 3
    chats.append(chat_id)
    one.clock.ahead += 3601
    await one.deliver()
    assert (await said(world, chat_id, by="one"))[-1] == "news"


async def test_words_are_in_no_repr_and_no_fact(world):
    secret = "the safe's number is 4711"

    async def say(ctx):
        await ctx.say(elsewhere, secret)

    agent = await world.agent("agent", caller(say))
    here, elsewhere = await direct(world), await group(world, "agent")
    claimed, claim = [], agent.journal.claim

    async def watched(*args, **kwargs):
        claimed.extend(deliveries := await claim(*args, **kwargs))
        return deliveries

    agent.journal.claim = watched
    await call(world, agent, here)

    assert any(type(each).__name__ == "UtteranceDelivery" for each in claimed)
    assert secret not in repr(claimed) + repr(agent.memory.facts)
    entries = sqlite3.connect(agent.journal._path).execute("SELECT group_concat(raw) FROM entry").fetchone()
    assert secret not in entries[0]
