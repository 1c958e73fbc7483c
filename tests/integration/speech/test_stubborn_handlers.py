"""Handlers that do not end when they are cancelled: they cost their own delivery only, and say nothing any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from mycel_runtime.dispatch import quarantine, run
from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_unresolved_sends import contents

WAIT_SECONDS = 60.0


async def start(world, plugin, **dispatch):
    agent = await world.agent("a", plugin, **dispatch)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    return agent, chat_id


def let_runs_take(agent, seconds):
    """As if the settings said so."""
    runs = agent.parts.dispatcher.attempts.messages.runs
    runs.bounds = HandlerBounds(runs.bounds.settings.model_copy(update={"handler_timeout": seconds}))


async def test_an_abandoned_handler_says_nothing_any_more_and_its_lane_goes_on(world, monkeypatch):
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.2)
    plugin, released, ended, refused, runs = Plugin("p"), asyncio.Event(), asyncio.Event(), [], []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        if len(runs) == 2:
            await ctx.reply("in time")
            return
        while not released.is_set():
            with contextlib.suppress(BaseException):
                await released.wait()
        try:
            await ctx.reply("too late")
        except Exception as exc:  # noqa: BLE001 - what is refused, and how
            refused.append(type(exc).__name__)
        ended.set()

    agent, chat_id = await start(world, plugin, handler_timeout=0.2)
    await agent.hear(chat_id)
    assert [fact.reason for fact in agent.memory.named("delivery.postponed")] == ["deadline passed"]
    let_runs_take(agent, 60.0)
    agent.clock.ahead += 60
    await agent.deliver()
    assert agent.parts.dispatcher.abandoned.tasks == 1
    released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        await ended.wait()

    assert refused == ["ContextEndedError"]
    assert await contents(world, chat_id, "a") == ["in time"]


@pytest.mark.parametrize("ending", ["raises", "returns", "goes on"])
async def test_the_end_of_the_process_spends_no_attempt_whatever_the_handler_makes_of_it(
    world, monkeypatch, ending
):
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.2)
    plugin, started, released = Plugin("p"), asyncio.Event(), asyncio.Event()

    @plugin.on_message
    async def answer(ctx):
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if ending == "raises":
                raise ConnectionResetError from None
        while ending == "goes on" and not released.is_set():
            with contextlib.suppress(BaseException):
                await released.wait()

    agent, chat_id = await start(world, plugin, max_attempts=1)
    await agent.journal.hint(agent.me, agent.hint(chat_id, 1))
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        dispatching = tasks.create_task(agent.parts.dispatcher.run())
        await started.wait()
        agent.parts.dispatcher.stop()
        dispatching.cancel()
    released.set()

    assert await agent.journal.dead_letters("a") == []
    # Still claimed: the next start finds it, and runs it again.
    assert (await agent.journal.statistics("a")).running == 1


async def test_plain_functions_that_never_return_use_up_no_more_than_their_share_of_threads(
    world, monkeypatch
):
    """Else there is no thread left for anybody, the stop of the process included."""
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(quarantine, "MOST_OUTLIVING", 3)
    plugin, released, runs = Plugin("clogs"), threading.Event(), []

    @plugin.on_message
    def answer(ctx):
        runs.append(ctx.attempt)
        released.wait(WAIT_SECONDS)

    agent, chat_id = await start(world, plugin, handler_timeout=0.1, max_attempts=50)
    try:
        await agent.hear(chat_id)
        for _ in range(6):
            agent.clock.ahead += 60
            await agent.deliver()
        assert len(runs) == 3
        assert agent.parts.dispatcher.abandoned.threads == 3
        assert [(fact.plugin, fact.runs) for fact in agent.memory.named("plugin.clogged")] == [("clogs", 3)]
    finally:
        released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        while agent.parts.dispatcher.abandoned.threads:  # noqa: ASYNC110 - threads tell nobody
            await asyncio.sleep(0.01)

    agent.clock.ahead += 60
    await agent.deliver()
    assert len(runs) == 4
    assert not await agent.journal.dead_letters("a")


async def test_an_agent_pays_for_its_own_handlers_only_though_anothers_plugin_has_the_same_name(
    world, monkeypatch
):
    """Two agents of one process with the same bundled plugin are the rule, not the exception."""
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(quarantine, "MOST_OUTLIVING", 1)
    stubborn, sound, released = Plugin("p"), Plugin("p"), threading.Event()

    @stubborn.on_message
    def hang(ctx):
        released.wait(WAIT_SECONDS)

    @sound.on_message
    async def answer(ctx):
        await ctx.reply("here")

    try:
        clogged, chat_id = await start(world, stubborn, handler_timeout=0.1)
        await clogged.hear(chat_id)
        assert clogged.parts.dispatcher.abandoned.threads == 1

        beside = await world.agent("b", sound)
        chat_id = (await world.owner.chats.ensure_direct("b"))["id"]
        await world.say(chat_id, "x")
        await beside.hear(chat_id)

        assert await contents(world, chat_id, "b") == ["here"]
        assert beside.parts.dispatcher.abandoned.threads == 0
        assert beside.memory.named("plugin.clogged") == []
    finally:
        released.set()
