"""
The plugin of a fleet: it answers at once, late, after a crash, or not at all, as the message says; and sets timers.

It writes down what it is shown, in one file of all hosts, because some of it is not answered.
"""

from __future__ import annotations

import asyncio
import os

from mycel_runtime import Plugin

plugin = Plugin("fleet")

LATE_SECONDS = 0.3
TIMER_SECONDS = 0.5


def note(lines):
    """One write, so that a killed process leaves whole lines."""
    file = os.open(os.environ["FLEET_SHOWN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)


@plugin.on_message
async def message(ctx):
    note(f"{ctx.chat_id} {message.seq}" for message in ctx.messages)
    words = [message.content.split() for message in ctx.messages]
    if any(kind == "crash" for _, kind in words) and ctx.attempt == 1:
        raise RuntimeError
    if any(kind == "late" for _, kind in words):
        await asyncio.sleep(LATE_SECONDS)
    for number, kind in words:
        if kind == "timer":
            ctx.timers.set("fired", after=TIMER_SECONDS, key=number, data=[ctx.chat_id, number])
        if kind != "silent":
            await ctx.reply(f"re {number}")


@plugin.on_timer("fired")
async def fired(ctx):
    chat_id, number = ctx.data
    await ctx.say(chat_id, f"timer {number}")
