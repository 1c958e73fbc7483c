"""What the operator sees and clears of what plugins remember, while the agent runs."""

from __future__ import annotations

import pytest

from mycel_runtime import Plugin
from mycel_runtime.daemon.admin import Admin


@pytest.mark.slow
async def test_what_the_operator_clears_is_not_there_for_the_next_run(world):
    plugin, counts = Plugin("kept"), []

    @plugin.on_message
    async def count(ctx):
        for store in (ctx.store, ctx.chat_store):
            store["count"] = store.get("count", 0) + 1
        counts.append((ctx.store["count"], ctx.chat_store["count"]))

    agent = await world.agent("agent", plugin)
    chat_id = (await world.owner.chats.ensure_direct("agent"))["id"]
    operator = Admin(agent.journal, agent.parts)

    async def speak():
        await world.say(chat_id, "hello")
        await agent.hear(chat_id)

    await speak()
    await speak()
    assert [(store["chat_id"], store["items"]) for store in await operator.stores()] == [
        ("", 1),
        (chat_id, 1),
    ]
    assert [item["value"] for item in await operator.items()] == [2, 2]
    assert await operator.clear("kept", chat_id=chat_id) == 1
    await speak()
    assert await operator.clear("kept", chat_id=None) == 2
    await speak()

    assert counts == [(1, 1), (2, 2), (3, 1), (1, 1)]
    assert await operator.clear("other", chat_id=None) == 0


@pytest.mark.slow
async def test_the_operator_is_told_what_is_loaded_and_when_it_is_called(world):
    """Keys and data are about somebody, and are not told."""
    plugin = Plugin("tea")

    @plugin.on_message
    async def brew(ctx):
        ctx.timers.set("ready", after=60, key="Ada", data="green")

    @plugin.on_timer("ready")
    async def serve(ctx): ...

    @plugin.every(hours=1)
    async def clean(ctx): ...

    agent = await world.agent("agent", plugin)
    chat_id = (await world.owner.chats.ensure_direct("agent"))["id"]
    await world.say(chat_id, "hello")
    await agent.hear(chat_id)
    operator = Admin(agent.journal, agent.parts)

    assert await operator.plugins() == {"loaded": ["tea"], "left_alone": []}
    assert sorted((row["timer"], row["schedule"]) for row in await operator.timers()) == [
        ("clean", "every 3600.0 s"),
        ("ready", ""),
    ]
    assert "Ada" not in str(await operator.timers())
    assert "green" not in str(await operator.timers())
