"""The plugin of the agent that fails, in whichever way it is asked to."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("victim")
kept = []
RINGING = Path(__file__).with_name("ringing")


@plugin.on_message(pattern=r"^\d+$")
async def answer(ctx):
    """The steady conversation."""
    for message in ctx.messages:
        await ctx.reply(f"re {message.content}")


@plugin.on_message(pattern="^raise", max_attempts=3)
async def fail(ctx):
    """Always."""
    raise ValueError(ctx.chat_id)


@plugin.on_message(pattern="^linger", timeout=10, max_attempts=1)
async def linger(ctx):
    """For as long as it may, with tasks and memory that nobody gives back."""
    kept.extend([asyncio.get_running_loop().create_task(asyncio.sleep(30)) for _ in range(100)])
    await asyncio.sleep(30)


@plugin.on_message(pattern="^block", timeout=10, max_attempts=1)
def block(ctx):
    """A thread."""
    time.sleep(30)


@plugin.on_message(pattern="^whirl", timeout=10, max_attempts=1)
def whirl(ctx):
    """A thread that never waits."""
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        pass


@plugin.on_message(pattern="^ignore", timeout=1, max_attempts=1)
async def ignore(ctx):
    """Its cancellation."""
    for _ in range(30):
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            continue


@plugin.on_message(pattern="^flood")
async def flood(ctx):
    """Its own chat, by words of its own accord."""
    for number in range(1000):
        await ctx.say(ctx.chat_id, f"flood {number}")


@plugin.on_message(pattern="^giant")
async def giant(ctx):
    """An answer of half a megabyte to a question of half a megabyte."""
    await ctx.reply("x" * 500_000)


@plugin.on_message(pattern="^close")
async def close(ctx):
    """What it was lent."""
    for name in ("close", "aclose", "__aexit__"):
        if method := getattr(ctx.sdk, name, None):
            await method(*[None] * (3 if name == "__aexit__" else 0))


@plugin.on_message(pattern="^timers")
async def plan(ctx):
    """Ten thousand timers, all due at once."""
    for number in range(10_000):
        ctx.timers.set("ring", key=f"{number}", after=0.5)


@plugin.on_timer("ring")
async def ring(ctx):
    """So it is due again, as long as it is wanted."""
    if RINGING.exists():
        ctx.timers.set("ring", key=ctx.key, after=1.0)


@plugin.on_message(pattern="^remember")
async def remember(ctx):
    """Ten megabytes, a value at a time."""
    for number in range(1000):
        ctx.store[f"{number}"] = "x" * 10_000


@plugin.on_message(pattern="^chatter")
async def chatter(ctx):
    """To the log and to standard output."""
    for number in range(20_000):
        ctx.log.info("victim.chattered", number=number)
        if number % 100 == 0:
            print("chatter" * 10)
            await asyncio.sleep(0)


@plugin.on_message(pattern="^leave")
async def leave(ctx):
    """The process, as it thinks."""
    sys.exit(3)
