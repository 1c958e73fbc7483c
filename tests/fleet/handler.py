"""
The plugin of a fleet: it answers at once, late, after a failure, or not at all, as the message says; and sets timers.

It writes down what it is shown, because some of it is not answered.
"""

from __future__ import annotations

import asyncio
import time

from mycel_runtime import Plugin
from tests.chaos.noting import note
from tests.fleet.kinds import asked_of, is_first

plugin = Plugin("fleet")

BUSY_SECONDS = 0.05
LATE_SECONDS = 0.3
LONGEST_SECONDS = 4.0
MOST_RUNS = 100
"""Many end at their deadline, while a host is cut off from the backend."""

TIMER_SECONDS = 0.5


@plugin.on_message(timeout=LONGEST_SECONDS, max_attempts=MOST_RUNS)
async def message(ctx):
    note(f"fleet {ctx.chat_id} {message.seq}" for message in ctx.messages)
    asked = asked_of("fleet", ctx.messages)
    for number, kind in asked:
        if kind in {"crash", "hang"} and is_first(number):
            await fail(kind)
    if any(kind == "late" for _, kind in asked):
        await asyncio.sleep(LATE_SECONDS)
    for number, kind in asked:
        if kind == "busy":
            reckon()
        if kind == "timer":
            ctx.timers.set("fired", after=TIMER_SECONDS, key=number, data=[ctx.chat_id, number])
        if kind != "silent":
            await ctx.reply(f"re {number}")


async def fail(kind):
    """With an error, or by going on until the deadline."""
    if kind == "crash":
        raise RuntimeError
    await asyncio.get_running_loop().create_future()


def reckon():
    """In the loop of everybody."""
    ends = time.perf_counter() + BUSY_SECONDS
    while time.perf_counter() < ends:
        pass


@plugin.on_timer("fired")
async def fired(ctx):
    chat_id, number = ctx.data
    await ctx.say(chat_id, f"timer {number}")
