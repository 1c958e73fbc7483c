"""What tests of speaking first share: plugins that speak when they are told to, and chats to speak in."""

from __future__ import annotations

import itertools

from mycel_runtime import Plugin
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.plugin.isolation.process import WorkerSpec

GENERATIONS = {"a": {"generation": "a", "quirks": Quirks(check_then_write=False)}, "b": {}}
WAIT_SECONDS = 60.0
_NUMBERS = itertools.count()


async def said(world, chat_id, by="agent"):
    history = await world.owner.messages.list(chat_id, limit=200)
    return [message["content"] for message in history if message["sender_id"] == by]


async def written_agent(world, folder, source, *, is_isolated):
    """An agent with the plugin `p` that the source makes, here or in a process of its own."""
    names, worker = {}, None
    if is_isolated:
        (folder / "p.py").write_text(source)
        worker = WorkerSpec(name="p", table={"path": "p.py"}, config=folder / "agent.toml", import_timeout=60)
    exec(source, names)
    return await world.agent("agent", names["plugin"], worker=worker)


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
