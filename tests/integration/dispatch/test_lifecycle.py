"""Hooks of the start and the stop in a whole agent: nothing is delivered before, and nothing after."""

from __future__ import annotations

import asyncio
import time

import pytest

from mycel_runtime import Plugin, Reject

pytestmark = pytest.mark.slow

DEADLINE = 60.0


def noting(name="p"):
    """A plugin that notes what it is called for, and answers each message."""
    plugin, noted = Plugin(name), []

    @plugin.on_message
    async def answer(ctx):
        noted.append("message")
        await ctx.reply(f"{name} {ctx.store.get('starts', 0)}")

    return plugin, noted


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the agent is looked at from outside
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("is_plain", [False, True], ids=["async", "plain"])
async def test_a_plugin_is_started_before_its_first_delivery_and_stopped_after_its_last(mycel, is_plain):
    plugin, noted = noting()

    def started(ctx):
        ctx.store["starts"] = ctx.store.get("starts", 0) + 1
        noted.append(type(ctx).__name__)

    def stopped(ctx):
        ctx.store["stops"] = ctx.store.get("stops", 0) + 1
        noted.append(f"{type(ctx).__name__} {ctx.store['stops']}")

    async def awaited_start(ctx):
        started(ctx)

    async def awaited_stop(ctx):
        stopped(ctx)

    plugin.on_start(started if is_plain else awaited_start)
    plugin.on_stop(stopped if is_plain else awaited_stop)
    sync = "Sync" if is_plain else ""

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin, name="P")
    await ada.says("hello", to=agent)
    for number in (1, 2):
        await ada.hears(f"p {number}")
        await agent.stop()
        assert noted == [f"{sync}StartContext", "message", f"{sync}StopContext {number}"]
        noted.clear()
        await ada.says("while it is away", to=agent)
        await agent.start()


async def test_what_comes_before_a_slow_start_waits_for_it_and_other_plugins_do_not(mycel):
    slow, noted = noting("slow")
    quick, _ = noting("quick")
    may_start = asyncio.Event()

    @slow.on_start(timeout=60)
    async def start(ctx):
        noted.append("start")
        await may_start.wait()

    ada = await mycel.human("Ada")
    agent = await mycel.agent(slow, quick, name="P")
    await ada.says("hello", to=agent)
    await ada.hears("quick 0")
    assert noted == ["start"]
    may_start.set()
    await ada.hears("slow 0")
    assert noted == ["start", "message"]


async def test_one_that_crashes_is_tried_again_and_the_store_is_as_before_it(mycel):
    plugin, noted = noting()

    @plugin.on_start
    async def start(ctx):
        noted.append((ctx.attempt, ctx.store.get("starts")))
        ctx.store["starts"] = ctx.attempt
        if ctx.attempt < 3:
            raise LookupError

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin, name="P")
    await ada.says("hello", to=agent)
    await mycel.passes(minutes=1)
    await ada.hears("p 3")
    assert noted == [(1, None), (2, None), (3, None), "message"]
    assert await agent.dead_letters() == []


async def test_a_start_that_exceeds_its_deadline_or_gives_up_leaves_the_agent_alive(mycel):
    hanging, noted = noting("hanging")
    rejecting, _ = noting("rejecting")
    well, _ = noting("well")

    @hanging.on_start(timeout=0.05)
    async def hang(ctx):
        noted.append("start")
        await asyncio.Event().wait()

    @rejecting.on_start
    def give_up(ctx):
        raise Reject("no such model")

    ada = await mycel.human("Ada")
    agent = await mycel.agent(hanging, rejecting, well, name="P")
    await ada.says("hello", to=agent)
    await ada.hears("well 0")
    await until(lambda: len(started(agent, "plugin.start_failed")) >= 2)
    assert {(fact.handler, fact.reason) for fact in started(agent, "plugin.start_failed")} == {
        ("hanging.hang", "deadline passed"),
        ("rejecting.give_up", "Reject: no such model"),
    }
    await agent.stop()
    assert "message" not in noted


async def test_a_stop_waits_for_the_last_delivery_and_no_longer_than_its_deadline(mycel):
    plugin, noted = noting()
    runs, may_end = asyncio.Event(), asyncio.Event()

    @plugin.on_message
    async def late(ctx):
        runs.set()
        await may_end.wait()
        noted.append("late")

    @plugin.on_stop(timeout=0.05)
    async def stop(ctx):
        noted.append("stop")
        await asyncio.Event().wait()

    @plugin.on_stop(order=-1)
    async def last(ctx):
        noted.append("last")

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin, name="P")
    await ada.says("hello", to=agent)
    async with asyncio.timeout(DEADLINE):
        await runs.wait()
    await ada.hears("p 0")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.stop(), name="stop")
        await until(agent._lifetime.ending.is_set)
        may_end.set()
    assert noted == ["message", "late", "stop", "last"]
    assert [(fact.handler, fact.reason) for fact in started(agent, "plugin.stop_failed")] == [
        ("p.stop", "deadline passed")
    ]


async def test_a_killed_agent_is_started_anew_and_not_stopped(mycel):
    plugin, noted = noting()

    @plugin.on_start
    async def start(ctx):
        noted.append("start")

    @plugin.on_stop
    async def stop(ctx):
        noted.append("stop")

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin, name="P")
    await mycel.settles()
    await agent.kill()
    await ada.says("hello", to=agent)
    await agent.start()
    await ada.hears("p 0")
    assert noted == ["start", "start", "message"]


async def test_an_agent_that_is_stopped_while_it_starts_does_not_wait_for_that(mycel):
    plugin, noted = noting()

    @plugin.on_start(timeout=3600)
    async def start(ctx):
        try:
            await asyncio.Event().wait()
        finally:
            noted.append("cancelled")

    @plugin.on_stop
    async def stop(ctx):
        noted.append("stop")

    agent = await mycel.agent(plugin, name="P")
    began = time.monotonic()
    await agent.stop()
    assert noted == ["cancelled"]
    assert time.monotonic() - began < DEADLINE


def started(agent, name):
    return [fact for fact in agent.facts if fact.name == name]
