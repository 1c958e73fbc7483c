"""
The plugin of the soak: answers each message once, and remembers a little.

With SOAK_LEAK it loses something at each run, so that one can see that the soak finds it: `memory`, `tasks`,
`threads` or `descriptors`.
"""

from __future__ import annotations

import asyncio
import os
import threading

from mycel_runtime import Plugin

plugin = Plugin("soak")

LEAK = os.environ.get("SOAK_LEAK", "")
LEAKED_BYTES = 1_000_000

_kept: list[object] = []


@plugin.on_message
async def answer(ctx):
    ctx.chat_store["answered"] = ctx.chat_store.get("answered", 0) + len(ctx.messages)
    for message in ctx.messages:
        await ctx.reply(f"re {message.content}")
    _leak()


def _leak():
    match LEAK:
        case "memory":
            _kept.append(os.urandom(LEAKED_BYTES))
        case "tasks":
            loop = asyncio.get_running_loop()
            _kept.append(loop.create_task(asyncio.Event().wait(), name="leaked"))
        case "threads":
            threading.Thread(target=threading.Event().wait, name="leaked", daemon=True).start()
        case "descriptors":
            _kept.append(os.open(os.devnull, os.O_RDONLY))
