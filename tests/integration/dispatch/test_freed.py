"""
What a run was shown, and all that made it, is freed when it is over, without a look for garbage; so is what fails.

A daemon looks for it rarely: what refers to itself would lie about until then, out of the processor's cache.
"""

from __future__ import annotations

import gc
import types
import weakref

import pytest

from mycel_runtime import Plugin
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.dispatch.assembly import DispatchAssembly

OTHERS = ("mycel_runtime.backend", "mycel_runtime.testing", "mycel_runtime.daemon.tracing")
"""Which are not in the daemon, or in a thread of OpenTelemetry's that sends at its own times, also after its test."""


@pytest.fixture
def _without_looks_for_garbage():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def watched(kept):
    """A plugin that uses what it is given, in three kinds of contexts."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        kept.append(weakref.ref(ctx.store))
        ctx.store["count"] = ctx.chat_store["count"] = 1
        ctx.timers.set("later", after=0.0)
        await ctx.chats.direct(ctx.messages[-1].sender.id)
        await ctx.reply("yes")

    @plugin.on_message
    def answer_plainly(ctx):
        kept.append(weakref.ref(ctx.timers))
        ctx.reply("yes")

    @plugin.on_timer("later")
    async def later(ctx):
        kept.append(weakref.ref(ctx.store))

    return plugin


@pytest.mark.slow
@pytest.mark.usefixtures("_without_looks_for_garbage")
async def test_what_a_run_was_given_is_freed_when_it_is_over(mycel):
    kept = []
    ada = await mycel.human("Ada")
    agent = await mycel.agent(watched(kept))

    await ada.says("hello")
    await ada.hears("yes")
    await mycel.passes(minutes=1)
    await agent.stop()

    assert [ref() for ref in kept] == [None] * 3


def refused_send(mycel):
    mycel.faults.refuse(500, 1, path=".*/messages", method="POST")


def refused_reading(mycel):
    mycel.faults.refuse(500, 1, path=".*/messages", method="GET")


def conflict(mycel):
    mycel.faults.conflict_once()


def lost_answer(mycel):
    mycel.faults.lose_answer()


def cut_stream(mycel):
    mycel.faults.drop_streams()


def nothing(_mycel):
    """A handler that fails is all."""


def moody():
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        if ctx.messages[-1].content == "fail" and ctx.attempt == 1:
            raise ValueError
        await ctx.reply("yes")

    return plugin


@pytest.mark.slow
@pytest.mark.parametrize("fault", [refused_send, refused_reading, conflict, lost_answer, cut_stream, nothing])
@pytest.mark.usefixtures("_without_looks_for_garbage")
async def test_what_fails_leaves_nothing_of_ours_for_a_look_for_garbage(mycel, fault):
    """An error refers to the places that it came through, and whoever keeps it there keeps them all."""
    ada = await mycel.human("Ada")
    agent = await mycel.agent(moody())
    await ada.says("hello")
    await ada.hears("yes")
    gc.collect()

    for _ in range(2):
        fault(mycel)
        await ada.says("fail" if fault is nothing else "hello")
        await ada.hears("yes")
        # Another stream stands by then.
        await mycel.passes(minutes=1)

    assert found_ours() == []
    assert sum(fact.name == "stream.connected" for fact in agent.facts) == (3 if fault is cut_stream else 1)
    await agent.stop()


def found_ours():
    """What a look for garbage finds of the runtime's own objects and places."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return sorted(filter(None, map(told_of, gc.garbage)))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def told_of(found):
    """Its name, if it is ours. Asked of the type: of what stands for others, and is gone, nothing else can be."""
    is_place = type(found) is types.FrameType
    module = found.f_globals.get("__name__", "") if is_place else type(found).__module__
    if not module.startswith("mycel_runtime.") or module.startswith(OTHERS):
        return None
    return f"{module}: {found.f_code.co_qualname if is_place else type(found).__qualname__}"


@pytest.mark.slow
async def test_where_an_agent_was_put_together_does_not_stay_with_it(mycel):
    """A process may have a thousand: each place has forty parts in a dict of its own."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply("yes")

    ada = await mycel.human("Ada")
    await mycel.agent(plugin)
    await ada.says("hello")
    await ada.hears("yes")

    gc.collect()
    places = [each for each in gc.get_objects() if isinstance(each, (AgentAssembly, DispatchAssembly))]
    assert [*map(type, places)] == []
