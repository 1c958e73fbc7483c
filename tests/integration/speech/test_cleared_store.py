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
    operator = Admin(agent.journal, agent.parts, clock=agent.clock)

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
