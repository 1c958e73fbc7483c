"""Answers in two parts; between them it is busy, the first time, for as long as the message says."""

import asyncio
import os
from pathlib import Path

from mycel_runtime import Plugin

plugin = Plugin("slow")


@plugin.on_message
async def answer(ctx):
    word, seconds = ctx.messages[-1].content.rsplit(" ", 1)
    await ctx.reply(f"heard {word}")
    been = Path(os.environ["STATE_DIRECTORY"]) / f"busy-{word}"
    if not been.exists():
        been.touch()
        await asyncio.sleep(float(seconds))
    await ctx.reply(f"done {word}")
