"""
Answers lost after storing, long form: `python -m tests.integration.speech.lost SENDS` prints what became of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.sdk import AsyncClient
from tests.integration.speech.conftest import World

CHATS = 20


async def lose(sends):
    """How often each answer stands in its chat."""
    plugin, seen = Plugin("p"), Counter()

    @plugin.on_message
    async def answer(ctx):
        for message in ctx.messages:
            await ctx.reply(f"re: {message.content}")

    with tempfile.TemporaryDirectory() as folder, LocalBackend(BackendOptions()) as backend:
        async with contextlib.AsyncExitStack() as stack:
            async with AsyncClient(base_url=backend.base_url) as nobody:
                made = await nobody.auth.create_guest_owner("owner")
            owner = await stack.enter_async_context(
                AsyncClient(base_url=backend.base_url, auth_token=made["token"])
            )
            agent = await World(backend, owner, Path(folder), stack).agent("a", plugin)
            chats = [
                (await owner.chats.create(["a"], kind="group", title=f"{number}"))["id"]
                for number in range(CHATS)
            ]
            for number in range(sends):
                chat_id = chats[number % CHATS]
                await owner.messages.send(chat_id, f"{number}", enforce_caught_up=False)
                backend.faults.lose_answer()
                await agent.hear(chat_id)
            for chat_id in chats:
                async for message in owner.messages.iterate(chat_id):
                    if message["sender_id"] == "a":
                        seen[message["content"]] += 1
            doubted = len(agent.memory.named("send.unresolved"))
            left = await agent.journal.unresolved("a")
    return seen, doubted, left


if __name__ == "__main__":
    wanted, began = int(sys.argv[1]), time.monotonic()
    found, doubts, open_ = asyncio.run(lose(wanted))
    print(
        f"{wanted} sends, {doubts} answers lost: {sum(count > 1 for count in found.values())} twice,"
        f" {wanted - len(found)} never, {len(open_)} left in doubt, {time.monotonic() - began:.0f} s"
    )
