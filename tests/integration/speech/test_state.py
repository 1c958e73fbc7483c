"""What a handler remembers, plans and finishes is one commit, wherever the handler runs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from mycel_runtime import Plugin, Reject, Retry
from mycel_runtime.dispatch.store_turns import OUTDATED_RUNS
from mycel_runtime.plugin.isolation.process import WorkerSpec
from mycel_runtime.plugin.registry import load_plugins

PLUGIN = """
from mycel_runtime import Plugin, Retry
plugin = Plugin("kept")

@plugin.on_message(pattern="^count")
async def count(ctx):
    ctx.store["total"] = ctx.store.get("total", 0) + len(ctx.messages)
    ctx.chat_store["here"] = ctx.chat_store.get("here", 0) + len(ctx.messages)
    await ctx.reply(f"{ctx.chat_store['here']} here, {ctx.store['total']} in all")
    if ctx.messages[-1].content == "count and fail" and ctx.attempt == 1:
        raise Retry(after=30)

@plugin.on_message(pattern="^plain")
def plain(ctx):
    ctx.store["plain"] = ctx.messages[-1].content
    del ctx.store["plain"]
    ctx.store["plain"] = ctx.store.get("plain", "none") + "!"
    ctx.timers.set("remind", after=60, data={"chat": ctx.chat_id}, key="a")
    ctx.timers.set("remind", after=60, key="b")
    ctx.timers.cancel("remind", key="b")
    ctx.reply("planned")

@plugin.on_timer("remind")
async def remind(ctx):
    ctx.store["reminded"] = [ctx.name, ctx.key, ctx.data, ctx.attempt]
    if ctx.attempt == 1:
        raise Retry(after=30)

@plugin.every(minutes=10)
def ten(ctx):
    ctx.store["tens"] = ctx.store.get("tens", 0) + 1
    ctx.store["ten"] = [ctx.name, ctx.key, ctx.data]
"""


def kept(source=PLUGIN):
    """The plugin of this text, in this process."""
    names = {}
    exec(source, names)
    return names["plugin"]


@pytest.fixture(params=["here", "isolated"])
async def agent(request, world, tmp_path):
    worker = None
    if request.param == "isolated":
        (tmp_path / "kept.py").write_text(PLUGIN)
        worker = WorkerSpec(
            name="kept", table={"path": "kept.py"}, config=tmp_path / "agent.toml", import_timeout=60
        )
    return await world.agent("agent", kept(), worker=worker)


async def chat_with(world, *agents):
    return (await world.owner.chats.ensure_direct(agents[0].me))["id"]


async def items(agent, chat_id=None, plugin="kept"):
    found = await agent.journal.items(agent.me, plugin, chat_id=chat_id)
    return {key: json.loads(item.value) for key, item in found.items()}


async def said(world, chat_id, by="agent"):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == by]


@pytest.mark.slow
async def test_a_repeated_run_starts_from_the_state_before_it(world, agent):
    chat_id = await chat_with(world, agent)
    await world.say(chat_id, "count and fail")
    await agent.hear(chat_id)
    assert (await items(agent), await items(agent, chat_id)) == ({}, {})
    agent.clock.ahead += 60
    await agent.deliver()

    assert (await items(agent), await items(agent, chat_id)) == ({"total": 1}, {"here": 1})
    await world.say(chat_id, "count")
    await agent.hear(chat_id)
    assert await said(world, chat_id) == ["1 here, 1 in all", "2 here, 2 in all"]
    assert (await items(agent), await items(agent, chat_id)) == ({"total": 2}, {"here": 2})


@pytest.mark.slow
async def test_a_timer_is_set_with_the_end_of_the_delivery_and_takes_effect_once(world, agent):
    chat_id = await chat_with(world, agent)
    await world.say(chat_id, "plain")
    await agent.hear(chat_id)
    assert await items(agent) == {"plain": "none!"}
    assert [(each.name, each.key) for each in await agent.journal.timers(agent.me)][:1] == [("remind", "a")]
    agent.clock.ahead += 61
    await agent.deliver()
    assert "reminded" not in await items(agent)
    agent.clock.ahead += 61
    await agent.deliver()
    await agent.deliver()

    assert (await items(agent))["reminded"] == ["remind", "a", {"chat": chat_id}, 2]


@pytest.mark.slow
async def test_of_two_chats_that_change_one_key_none_is_lost_and_nothing_is_said_twice(world):
    """Both have read it before either has ended; the second runs again, and is told what it has said."""
    plugin, both, runs = Plugin("kept"), asyncio.Barrier(2), []

    @plugin.on_message
    async def count(ctx):
        runs.append(len(ctx.said))
        total = ctx.store.get("total", 0)
        await ctx.reply("counted")
        if len(runs) <= 2:
            await both.wait()
        ctx.store["total"] = total + 1

    agent = await world.agent("agent", plugin)
    chats = [await chat_with(world, agent), (await world.owner.chats.create(["agent"], kind="group"))["id"]]
    for chat_id in chats:
        await world.say(chat_id, "count")
    hints = tuple(hint for chat_id in chats for hint in agent.hint(chat_id))
    await agent.journal.hint(agent.me, hints)
    await agent.deliver()

    assert await items(agent) == {"total": 2}
    assert [await said(world, chat_id) for chat_id in chats] == [["counted"], ["counted"]]
    assert runs == [0, 0, 1]
    assert len(agent.memory.named("delivery.outdated")) == 1
    assert not agent.memory.named("delivery.postponed")


@pytest.mark.slow
async def test_who_thinks_for_long_is_not_run_for_ever_beside_others_that_change_the_same(world):
    """After a few runs in vain the others wait with their end for once, and nothing is lost."""
    plugin, runs, quick, has_counted = Plugin("kept"), [], [], asyncio.Event()

    @plugin.on_message(pattern="^slow")
    async def think(ctx):
        runs.append(ctx.attempt)
        assert len(runs) < 20, "for ever"
        total = ctx.store.get("total", 0)
        await world.say(chats[1], "quick")
        await agent.take(agent.hint(chats[1])[1])
        has_counted.clear()
        beside = tasks.create_task(agent.deliver_next())
        if len(runs) <= OUTDATED_RUNS:
            await beside
        await asyncio.wait_for(has_counted.wait(), 30)
        # It would have ended by now.
        await asyncio.wait([beside], timeout=0.3)
        ctx.store["total"] = total + 1

    @plugin.on_message(pattern="^quick")
    async def count(ctx):
        quick.append(len(ctx.messages))
        has_counted.set()
        ctx.store["total"] = ctx.store.get("total", 0) + 1

    agent = await world.agent("agent", plugin)
    chats = [await chat_with(world, agent), (await world.owner.chats.create(["agent"], kind="group"))["id"]]
    await world.say(chats[0], "slow")
    await agent.take(agent.hint(chats[0])[0])
    async with asyncio.TaskGroup() as tasks:
        await agent.deliver()
    await agent.deliver()

    assert runs == [1] * (OUTDATED_RUNS + 1)
    # The last of them was ready, waited, and ran again from what the slow one had left.
    assert len(quick) == OUTDATED_RUNS + 2
    assert await items(agent) == {"total": 1 + OUTDATED_RUNS + 1}


@pytest.mark.slow
async def test_what_must_hold_of_two_keys_holds_though_two_chats_change_one_each(world):
    """One of two may leave, and both have seen that the other is there."""
    plugin, both, runs = Plugin("kept"), asyncio.Barrier(2), []

    @plugin.on_message
    async def leave(ctx):
        me, other = ctx.messages[-1].content.split()
        runs.append(me)
        ctx.store.depend_on(other)
        is_alone = ctx.store.get(other) == "away"
        if len(runs) <= 2:
            await both.wait()
        if not is_alone:
            ctx.store[me] = "away"

    agent = await world.agent("agent", plugin)
    chats = [await chat_with(world, agent), (await world.owner.chats.create(["agent"], kind="group"))["id"]]
    for chat_id, who in zip(chats, ("ada bob", "bob ada"), strict=True):
        await world.say(chat_id, who)
    await agent.take(*(hint for chat_id in chats for hint in agent.hint(chat_id)))
    await agent.deliver()

    assert len(runs) == 3
    assert list((await items(agent)).values()) == ["away"]


@pytest.mark.slow
async def test_an_event_whose_run_was_outdated_is_told_again(world):
    """That it was told is written down with what the handler has changed, and not before."""
    plugin, runs = Plugin("kept"), []

    @plugin.on_relationship
    async def acquaintance(ctx):
        known = ctx.store.get("known", [])
        runs.append(ctx.state)
        ctx.store["known"] = [*known, ctx.state]
        if len(runs) == 2:
            await agent.journal.clear_items(agent.me, "kept", chat_id=None)

    agent = await world.agent("agent", plugin)
    eve = await world.user("eve")

    async def look():
        await agent.parts.reconciler.run("test")
        await agent.deliver()

    await look()
    await eve.relationships.request("agent", "please")
    await look()
    (request,) = await eve.relationships.list()
    await eve.relationships.revoke(request["id"])
    await look()
    await look()

    first, then = runs[0], runs[1]
    assert runs == [first, then, then]
    assert await items(agent) == {"known": [then]}


def giving_up(world):
    """Remembers and plans, and does not come to its end."""
    plugin = Plugin("kept")

    @plugin.on_message(on_conflict="drop", pattern="^(reject|retry|overtaken)$")
    async def remember(ctx):
        deed = ctx.messages[-1].content
        ctx.store["seen"] = deed
        ctx.timers.set("remind", after=1)
        if deed == "reject":
            raise Reject("no")
        if deed == "retry":
            raise Retry(after=3_600)
        await world.say(ctx.chat_id, "meanwhile")
        await ctx.reply("too late")

    @plugin.on_timer("remind")
    def remind(ctx): ...

    return plugin


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["reject", "retry", "overtaken"])
async def test_a_run_that_fails_is_given_up_or_is_cut_short_changes_nothing(world, deed):
    agent = await world.agent("agent", giving_up(world))
    chat_id = await chat_with(world, agent)
    await world.say(chat_id, deed)
    await agent.hear(chat_id)

    ended = {"reject": "delivery.buried", "retry": "delivery.postponed", "overtaken": "delivery.finished"}
    assert agent.memory.named(ended[deed])
    assert (await items(agent), await agent.journal.timers(agent.me)) == ({}, [])
    assert await said(world, chat_id) == []


GIVEN_UP = """
from mycel_runtime import Plugin
plugin = Plugin("kept")

async def explain(ctx):
    ctx.store["failures"] = ctx.store.get("failures", 0) + 1
    ctx.chat_store["last"] = ctx.failure
    ctx.timers.set("later", after=3600)
    await ctx.reply("sorry")
    if ctx.messages[-1].content == "twice":
        raise KeyError

@plugin.on_message(max_attempts=1, on_give_up=explain)
async def fail(ctx):
    ctx.store["ran"] = True
    raise ValueError

@plugin.on_timer("later")
async def later(ctx): ...
"""


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_what_is_remembered_and_planned_when_a_message_is_given_up_stands_with_its_dead_letter(
    world, tmp_path, isolation
):
    (tmp_path / "kept.py").write_text(GIVEN_UP)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"kept": {"path": "kept.py", "isolation": isolation}}, config)
    agent = await world.agent("agent", loaded.plugin, worker=loaded.worker, handler_timeout=60)
    chat_id = await chat_with(world, agent)
    for text in ("once", "twice"):
        await world.say(chat_id, text)
        await agent.hear(chat_id)

    assert len(await agent.journal.dead_letters(agent.me)) == 2
    assert await items(agent) == {"failures": 1}
    assert await items(agent, chat_id) == {"last": "ValueError"}
    assert [timer.name for timer in await agent.journal.timers(agent.me)] == ["later"]


MISTAKEN = """
from mycel_runtime import Plugin
plugin = Plugin("kept")

@plugin.on_message
async def remember(ctx):
    if ctx.messages[-1].content == "store":
        ctx.store["x"] = object()
    if ctx.messages[-1].content == "timer":
        ctx.timers.set("nobody's", after=1)
    await ctx.reply(" ")
"""


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_what_can_never_be_remembered_planned_or_said_is_given_up_at_once(world, tmp_path, isolation):
    (tmp_path / "kept.py").write_text(MISTAKEN)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"kept": {"path": "kept.py", "isolation": isolation}}, config)
    agent = await world.agent("agent", loaded.plugin, worker=loaded.worker, handler_timeout=60)
    chat_id = await chat_with(world, agent)
    for text in ("store", "timer", "words"):
        await world.say(chat_id, text)
        await agent.hear(chat_id)

    letters = await agent.journal.dead_letters(agent.me)
    assert [letter.reason.partition(", ")[0] for letter in letters] == [
        "ArgumentError: a stored value holds an object",
        "ArgumentError: the plugin handles no timer of this name",
        "ArgumentError: the reply's text is blank",
    ]
    assert [letter.attempts for letter in letters] == [1, 1, 1]
    assert all("kept.py" in letter.trace or isolation == "none" for letter in letters)


class Visits(BaseModel):
    count: int = 0
    last: datetime | None = None


@pytest.mark.slow
async def test_a_model_is_remembered_of_each_chat(world):
    plugin = Plugin("kept")

    @plugin.on_message
    async def visit(ctx):
        visits = ctx.chat_store.get_model("visits", Visits) or Visits()
        visits.count += len(ctx.messages)
        visits.last = ctx.messages[-1].created_at
        ctx.chat_store["visits"] = visits

    agent = await world.agent("agent", plugin)
    chat_id = await chat_with(world, agent)
    for _ in range(2):
        await world.say(chat_id, "here")
        await agent.hear(chat_id)

    (visits,) = (await items(agent, chat_id)).values()
    assert visits["count"] == 2
    assert datetime.now(UTC) - datetime.fromisoformat(visits["last"]) < timedelta(hours=1)
    assert await items(agent) == {}


@pytest.mark.slow
async def test_a_schedule_is_kept_and_made_good_once_after_a_downtime(world, agent):
    await agent.deliver()
    for ahead in (601.0, 601.0, 36_000.0, 600.0):
        agent.clock.ahead += ahead
        await agent.deliver()
        await agent.deliver()

    assert await items(agent) == {"tens": 4, "ten": ["ten", "", None]}
    assert [fact.is_caught_up for fact in agent.memory.named("schedule.missed")] == [True]
