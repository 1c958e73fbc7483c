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
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=60)
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
