"""`ctx.sdk` in every colour and isolation: it reads and writes as the agent, and breaks none of its promises."""

from __future__ import annotations

import hashlib
import json

import pytest

from mycel_runtime.plugin.registry import load_plugins

pytestmark = pytest.mark.slow

PLUGIN = """
import gc, hashlib, json, secrets
from pathlib import Path
from mycel_runtime import Plugin
from mycel_runtime.errors import GuardedCallError, NotFoundError

plugin = Plugin("p")
here = Path(__file__).parent

def note(**what):
    with (here / "seen").open("a") as file:
        file.write(json.dumps(what) + "\\n")

held_here = {"like a token": secrets.token_hex(40)}

def held():
    for holder in gc.get_objects():
        if type(holder) is type(gc):
            # Of a module, its dictionary is listed by itself; what asyncio's keeps in C does not end on 3.12.
            continue
        for each in gc.get_referents(holder):
            yield each
            if type(each) in (dict, tuple) and not gc.is_tracked(each):
                # Of nothing but texts and numbers: the collector does not list it.
                yield from gc.get_referents(each)

def finds(length, digest):
    # Whatever this process holds that is as long as the token, also behind "Bearer ".
    alike = {each for each in held() if type(each) in (str, bytes) and len(each) in (length, length + 7)}
    raw = (each.encode(errors="replace") if type(each) is str else each for each in alike)
    return any(hashlib.sha256(each.removeprefix(b"Bearer ")).hexdigest() == digest for each in raw)

@plugin.on_message(pattern="^hello")
DEFINE answer(ctx):
    sdk = ctx.sdk
    refused = []
    for call in (
        lambda: sdk.messages.read(ctx.chat_id),
        lambda: sdk.messages.send("elsewhere", "x"),
        lambda: sdk.messages.send(ctx.chat_id, "x", enforce_caught_up=False),
        lambda: sdk.messages.send(ctx.chat_id, "x", reply_to="m"),
        lambda: sdk.chats.get("nowhere"),
    ):
        try:
            AWAIT call()
        except (GuardedCallError, NotFoundError) as exc:
            refused.append(type(exc).__name__)
    me = AWAIT sdk.me.whoami()
    unread = [message["content"] for message in AWAIT sdk.messages.unread(ctx.chat_id)]
    pages = [message["content"] for message in AWAIT sdk.messages.list_all(ctx.chat_id, page_size=1)]
    if ctx.attempt == 1:
        AWAIT sdk.messages.send(ctx.chat_id, "first words")
        raise LookupError
    said = AWAIT sdk.messages.send(ctx.chat_id, "other words", mentions=[])
    note(me=me["id"], refused=refused, unread=unread, pages=pages, said=said["content"], seq=said["seq"])
    if (here / "digest").exists():
        length, digest = (here / "digest").read_text().split()
        (known,) = held_here.values()
        note(found=finds(int(length), digest), known=finds(len(known), hashlib.sha256(known.encode()).hexdigest()))

@plugin.on_message(pattern="^hello")
DEFINE also(ctx):
    note(also=[message.content for message in ctx.messages])

@plugin.on_message(pattern="^careless")
DEFINE careless(ctx):
    AWAIT ctx.sdk.messages.mark_read(ctx.chat_id)

@plugin.on_start
DEFINE start(ctx):
    note(start=(AWAIT ctx.sdk.me.whoami())["id"])

@plugin.on_relationship
DEFINE met(ctx):
    note(met=[each["state"] for each in AWAIT ctx.sdk.relationships.list()])
"""


@pytest.mark.parametrize("colour", ["async", "plain"])
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_it_is_the_whole_client_and_breaks_no_promise(world, tmp_path, colour, isolation):
    define, awaiting = ("async def", "await ") if colour == "async" else ("def", "")
    (tmp_path / "p.py").write_text(PLUGIN.replace("DEFINE", define).replace("AWAIT ", awaiting))
    (config := tmp_path / "agent.toml").write_text("")
    (loaded,) = load_plugins({"p": {"path": "p.py", "isolation": isolation}}, config)
    agent = await world.agent("a", loaded.plugin, worker=loaded.worker, handler_timeout=60, max_attempts=3)
    if isolation == "process":
        # Only there: in a process with threads, what the collector lists may be half made.
        token = world.tokens["a"].encode()
        (tmp_path / "digest").write_text(f"{len(token)} {hashlib.sha256(token).hexdigest()}")
    await agent.parts.dispatcher.lifecycle.start(lambda: None)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]

    said = await world.say(chat_id, "hello")
    await agent.hear(chat_id, said["seq"])
    agent.clock.ahead += 1.0
    await agent.deliver()
    careless = await world.say(chat_id, "careless")
    await agent.hear(chat_id, careless["seq"])
    eve = await world.user("eve")
    await eve.relationships.request("a", "please")
    await agent.parts.reconciler.run("test")
    await agent.deliver()

    lines = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    seen = {key: value for line in lines for key, value in line.items()}
    assert (seen["start"], seen["me"], seen["also"]) == ("a", "a", ["hello"])
    assert seen["met"] == ["pending"]
    assert seen["refused"] == ["GuardedCallError"] * 4 + ["NotFoundError"]
    assert seen["pages"] == ["hello", "first words"]
    # The reply that stands is the first run's, whatever the second one's words are.
    assert (seen["said"], seen["seq"]) == ("first words", said["seq"] + 1)
    assert isolation == "none" or (seen["found"], seen["known"]) == (False, True)
    contents = [message["content"] for message in await world.owner.messages.list(chat_id)]
    assert contents == ["hello", "first words", "careless"]
    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.handler, letter.attempts) == ("p.careless", 1)
    assert "ctx.sdk.messages.mark_read" in letter.reason
