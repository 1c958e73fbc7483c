"""Hooks of the start and the stop, in every colour and isolation."""

from __future__ import annotations

import json
import time

import pytest

from mycel_runtime.plugin.registry import load_plugins

pytestmark = pytest.mark.slow

PLUGIN = """
import json, time
from pathlib import Path
from mycel_runtime import Plugin, Reject, StartContext, StopContext, SyncStartContext, SyncStopContext

plugin = Plugin("hooks")

def note(ctx, what):
    left = round(ctx.deadline - time.monotonic())
    with Path(__file__).with_name("seen").open("a") as file:
        said = [what, type(ctx).__name__.removeprefix("Sync"), ctx.attempt, dict(ctx.store), left > 0, ctx.me]
        file.write(json.dumps(said) + "\\n")

@plugin.on_start(order=1, timeout=50)
DEFINE start(ctx: PREFIXStartContext) -> None:
    note(ctx, "start")
    ctx.store["starts"] = ctx.store.get("starts", 0) + 1
    ctx.timers.set("later", after=3600)
    if ctx.attempt < 2:
        raise LookupError

@plugin.on_timer("later")
DEFINE later(ctx) -> None:
    pass

@plugin.on_stop(timeout=50)
DEFINE stop(ctx: PREFIXStopContext) -> None:
    note(ctx, "stop")
    ctx.store["stops"] = 1

@plugin.on_stop(order=-1, timeout=0.3)
DEFINE endless(ctx: PREFIXStopContext) -> None:
    AWAIT
"""

COLOURS = {
    "async": ("async def", "", "import asyncio; await asyncio.Event().wait()"),
    "plain": ("def", "Sync", "time.sleep(0.5)"),
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_they_are_run_and_bounded_and_their_changes_stand(world, tmp_path, colour, isolation):
    define, prefix, awaiting = COLOURS[colour]
    text = PLUGIN.replace("DEFINE", define).replace("PREFIX", prefix).replace("AWAIT", awaiting)
    (tmp_path / "hooks.py").write_text(text)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"hooks": {"path": "hooks.py", "isolation": isolation}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, clock=time.time, handler_timeout=60)
    lifecycle = agent.parts.dispatcher.lifecycle

    await lifecycle.start(lambda: None)
    await lifecycle.stop(time.monotonic() + 60)

    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert seen == [
        ["start", "StartContext", 1, {}, True, "a"],
        ["start", "StartContext", 2, {}, True, "a"],
        ["stop", "StopContext", 1, {"starts": 1}, True, "a"],
    ]
    items = await agent.journal.items("a", "hooks", chat_id=None)
    assert {key: item.value for key, item in items.items()} == {"starts": "1", "stops": "1"}
    assert [timer.name for timer in await agent.journal.timers("a")] == ["later"]
    (failed,) = agent.memory.named("plugin.start_failed")
    assert (failed.handler, failed.reason) == ("hooks.start", "LookupError")
    (cut,) = agent.memory.named("plugin.stop_failed")
    assert (cut.handler, cut.reason) == ("hooks.endless", "deadline passed")


SPEAKING = """
import json
from mycel_runtime import Plugin, StartContext, StopContext, SyncStartContext, SyncStopContext
from mycel_runtime.errors import ArgumentError

plugin = Plugin("hooks")

@plugin.on_start
DEFINE start(ctx: PREFIXStartContext) -> None:
    chat_id = AWAIT ctx.chats.direct("boss")
    unread = [message.content for message in AWAIT ctx.read(chat_id)]
    AWAIT ctx.say(chat_id, f"I am here, attempt {ctx.attempt}")
    AWAIT ctx.say(chat_id, json.dumps(unread))
    if ctx.attempt < 2:
        raise LookupError

@plugin.on_stop
DEFINE stop(ctx: PREFIXStopContext) -> None:
    chat_id = AWAIT ctx.chats.direct("boss")
    fixes = []
    try:
        AWAIT ctx.sdk.messages.send(chat_id, "bye")
    except ArgumentError as exc:
        fixes.append(exc.fix)
    ctx.store["stop"] = [hasattr(ctx, "say"), [m.content for m in AWAIT ctx.read(chat_id)], fixes]
"""

COLOURED = {"async": ("async def", "", "await "), "plain": ("def", "Sync", "")}


@pytest.mark.parametrize(
    ("isolation", "colour"), [("none", "async"), ("none", "plain"), ("process", "plain")]
)
async def test_a_start_speaks_once_it_has_ended_well_and_a_stop_no_more(world, tmp_path, isolation, colour):
    define, prefix, awaiting = COLOURED[colour]
    text = SPEAKING.replace("DEFINE", define).replace("PREFIX", prefix).replace("AWAIT ", awaiting)
    (tmp_path / "hooks.py").write_text(text)
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"hooks": {"path": "hooks.py", "isolation": isolation}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, clock=time.time, handler_timeout=60)
    boss = await world.user("boss")
    chat_id = (await boss.chats.ensure_direct("a"))["id"]
    await boss.messages.send(chat_id, "are you there?", delivery_scope=None)
    lifecycle = agent.parts.dispatcher.lifecycle

    await lifecycle.start(lambda: None)
    await agent.deliver()
    said = [message["content"] for message in await boss.messages.list(chat_id)]
    assert said[1:] == ["I am here, attempt 2", '["are you there?"]']
    await boss.messages.send(chat_id, "well?", delivery_scope=None, enforce_caught_up=False)
    await lifecycle.stop(time.monotonic() + 60)

    (item,) = (await agent.journal.items("a", "hooks", chat_id=None)).values()
    says, read, (fix,) = json.loads(item.value)
    assert (says, read) == (False, ["well?"])
    assert "hook of the start" in fix
    assert agent.memory.named("plugin.stop_failed") == []
