"""
What a run was shown, and all that made it, is freed when the run is over, without a look for garbage.

A daemon looks for it rarely: what refers to itself would lie about until then, out of the processor's cache.
"""

from __future__ import annotations

import gc
import weakref

import pytest

from mycel_runtime import Plugin


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
