"""A handler cannot tell in which way it is run: `async def`, `def`, here or in a process of its plugin's own."""

from __future__ import annotations

import json
import time

import pytest

from mycel_runtime.plugin.registry import load_plugins

pytestmark = pytest.mark.slow

PLUGIN = """
import json, time
from dataclasses import fields
from mycel_runtime import MessageContext, Plugin, SyncMessageContext
from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.context_run import ContextEndedError

plugin = Plugin("same")
kept = []

def shown(ctx):
    return {
        "class": type(ctx).__name__.removeprefix("Sync"),
        "fields": [each.name for each in fields(ctx) if not each.name.startswith("_")],
        "messages": [repr(each) + each.content for each in ctx.messages],
        "me": ctx.me,
        "chat_type": ctx.chat_type,
        "settings": ctx.settings,
        "attempt": ctx.attempt,
        "guard": repr(ctx.guard),
        "unsaid": ctx.unsaid,
        "left": ctx.deadline - time.monotonic(),
        "deadline": ctx.deadline,
    }

def said(sent, history, newer, members):
    return {
        "sent": type(sent).__name__ + repr(sent.seq),
        "history": [type(each).__name__ + each.content for each in history],
        "newer": newer,
        "members": sorted(each["id"] for each in members if each["type"] == "external"),
    }

@plugin.on_message(pattern="^async")
async def awaited(ctx: MessageContext):
    assert isinstance(ctx, MessageContext)
    found = shown(ctx)
    ctx.log.info("same.shown")
    for wrong in (5, " "):
        try:
            await ctx.reply(wrong)
        except ArgumentError as exc:
            found |= {f"refused {wrong}": exc.problem}
    try:
        await ctx.history(0)
    except ArgumentError as exc:
        found |= {"refused 0": exc.problem}
    try:
        await ctx.history(before=0)
    except ArgumentError as exc:
        found |= {"refused before 0": exc.problem}
    sent = await ctx.reply("first")
    found |= said(sent, await ctx.history(5), await ctx.newer(), await ctx.members())
    found |= {"before": [each.content for each in await ctx.history(1, before=2)]}
    found |= {"first": await ctx.history(before=1)}
    ctx.withdraw()
    await ctx.reply(json.dumps(found))
    kept.append(ctx)

@plugin.on_message(pattern="^plain")
def plain(ctx: SyncMessageContext):
    assert isinstance(ctx, SyncMessageContext)
    found = shown(ctx)
    ctx.log.info("same.shown")
    for wrong in (5, " "):
        try:
            ctx.reply(wrong)
        except ArgumentError as exc:
            found |= {f"refused {wrong}": exc.problem}
    try:
        ctx.history(0)
    except ArgumentError as exc:
        found |= {"refused 0": exc.problem}
    try:
        ctx.history(before=0)
    except ArgumentError as exc:
        found |= {"refused before 0": exc.problem}
    sent = ctx.reply("first")
    found |= said(sent, ctx.history(5), ctx.newer(), ctx.members())
    found |= {"before": [each.content for each in ctx.history(1, before=2)]}
    found |= {"first": ctx.history(before=1)}
    ctx.withdraw()
    ctx.reply(json.dumps(found))
    kept.append(ctx)

@plugin.on_message(pattern="^end async")
async def after(ctx: MessageContext):
    try:
        await kept[0].history()
    except ContextEndedError as exc:
        await ctx.reply(type(exc).__name__)

@plugin.on_message(pattern="^end plain")
def after_plain(ctx: SyncMessageContext):
    try:
        kept[0].history()
    except ContextEndedError as exc:
        ctx.reply(type(exc).__name__)
"""


@pytest.mark.parametrize("colour", ["async", "plain"])
async def test_what_it_is_shown_and_told_is_the_same(world, tmp_path, colour):
    (tmp_path / "same.py").write_text(PLUGIN)
    (config := tmp_path / "agent.toml").write_text("")
    told = {}
    for isolation in ("none", "process"):
        table = {"path": "same.py", "isolation": isolation}
        (loaded,) = load_plugins({"same": table}, config)
        agent = await world.agent(isolation, loaded.plugin, worker=loaded.worker, handler_timeout=50)
        chat_id = (await world.owner.chats.ensure_direct(isolation))["id"]

        await world.say(chat_id, f"{colour} hello")
        earliest = time.monotonic()
        await agent.hear(chat_id)
        told[isolation] = json.loads((await world.owner.messages.list(chat_id))[-1]["content"])
        assert earliest + 50 <= told[isolation].pop("deadline") <= time.monotonic() + 50
        assert 0 < told[isolation].pop("left") <= 50
        assert told[isolation].pop("me") == isolation
        assert told[isolation].pop("members") == [isolation]
        assert told[isolation].pop("settings") in (None, {})
        told[isolation]["messages"] = len(told[isolation]["messages"])

        await world.say(chat_id, f"end {colour}")
        await agent.hear(chat_id)
        assert (await world.owner.messages.list(chat_id))[-1]["content"] == "ContextEndedError"
    assert told["none"] == told["process"]
    assert told["none"]["class"] == "MessageContext"
    assert told["none"]["sent"] == "Sent2"
    assert (told["none"]["before"], told["none"]["first"]) == ([f"{colour} hello"], [])
    assert told["none"]["refused before 0"] == "before is no message's number"
    assert told["none"]["refused 5"] == "the reply's text is int, not a text"
