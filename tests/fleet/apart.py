"""The plugin of a fleet that has a process of its own, and ends it on its first run where a message says so."""

from __future__ import annotations

import os

from mycel_runtime import Plugin
from tests.chaos.noting import note
from tests.fleet.kinds import APART, asked_of, is_first

plugin = Plugin("apart")


@plugin.on_message(pattern=f" ({'|'.join(APART)})$")
async def message(ctx):
    note(f"apart {ctx.chat_id} {message.seq}" for message in ctx.messages)
    for number, kind in asked_of("apart", ctx.messages):
        if kind == "exit" and is_first(number):
            os._exit(1)
        await ctx.reply(f"re {number}")
