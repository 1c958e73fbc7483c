"""A plugin that says what it lacks is left alone, over restarts too, and nothing is spent on it."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin, Unavailable

pytestmark = pytest.mark.slow


async def test_what_a_plugin_lacks_is_said_again_within_one_interval_after_a_restart(mycel):
    """That it was left alone is forgotten with the process; its work waits all the same, and costs nothing."""
    plugin, lacks, attempts = Plugin("needy"), [True], []

    @plugin.on_message(max_attempts=2)
    async def answer(ctx):
        attempts.append(ctx.attempt)
        if lacks:
            raise Unavailable("no key", fix="Set it")
        await ctx.reply("Here.")

    people = [await mycel.human(name) for name in ("Ada", "Bob")]
    runtime = await mycel.agent(plugin)
    for person in people:
        await person.says("hello")
    await mycel.settles()
    await runtime.restart()
    assert runtime._parts.dispatcher.quarantine.reasons == {}
    tried = len(attempts)
    await mycel.passes(seconds=runtime._parts.dispatcher.quarantine.time)
    await mycel.settles()
    # Which `mycel-runtime status` shows.
    assert runtime._parts.dispatcher.quarantine.reasons == {"needy": "Unavailable: no key. Set it"}
    assert len(attempts) > tried
    lacks.clear()
    await mycel.passes(seconds=runtime._parts.dispatcher.quarantine.time)

    for person in people:
        await person.hears("Here.")
    assert set(attempts) == {1}
    assert len([fact for fact in runtime.facts if fact.name == "plugin.unavailable"]) == 2
    assert await runtime.dead_letters() == []
