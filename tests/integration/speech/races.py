"""
Never stale: foreign messages injected between showing and sending.

`python -m tests.integration.speech.races RUNS` prints what happened, for both rules of caught-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.sdk import AsyncClient


@dataclass(kw_only=True)
class Race:
    """`views`: at each send that was accepted, the numbers that the handler had been shown by then."""

    me: str
    owner: str
    history: list
    views: dict
    shown: set
    enforced: bool
    injected: int
    conflicts: int


async def race(world, name, dice):
    """A chat in which somebody speaks again and again while the handler makes up its mind."""
    plugin = Plugin("p")
    shown, views, left = set(), {}, [dice.randint(1, 5)]
    injected = left[0]
    sends = []

    @plugin.on_message
    async def answer(ctx):
        shown.update(message.seq for message in ctx.messages)
        for part in range(2):
            if left[0] > 0:
                left[0] -= 1
                if dice.random() < 0.5:
                    world.backend.faults.interject(owner, f"slipped in {left[0]}")
                else:
                    await world.say(ctx.chat_id, f"said {left[0]}")
            before = set(shown)
            sent = await ctx.reply(f"{part}")
            views.setdefault(sent.seq, before)

    agent = await world.agent(name, plugin)
    send = agent.sdk.messages.send

    async def watched(*args, **kwargs):
        sends.append(kwargs.get("enforce_caught_up"))
        return await send(*args, **kwargs)

    agent.sdk.messages.send = watched
    chat = await world.owner.chats.ensure_direct(name)
    owner = (await world.owner.me.whoami())["id"]
    await world.say(chat["id"], "go")
    await agent.hear(chat["id"], 1)
    world.backend.faults.clear()
    for _ in range(10):
        agent.clock.ahead += 5
        await agent.deliver()
    return Race(
        me=name,
        owner=owner,
        history=await world.owner.messages.list(chat["id"], limit=200),
        views=views,
        shown=shown,
        enforced=all(sends),
        injected=injected,
        conflicts=len(agent.memory.named("send.conflicted")),
    )


def judge(run):
    """Raise unless each accepted message saw what preceded it, or what it missed was shown afterwards."""
    assert run.enforced
    foreign = {message["seq"] for message in run.history if message["sender_id"] != run.me}
    assert foreign <= run.shown, (foreign, run.shown)
    gaps = Counter()
    for message in run.history:
        if message["sender_id"] == run.me:
            missed = {seq for seq in foreign if seq < message["seq"]} - run.views[message["seq"]]
            # Only what slips between the server's own check and write can be missed: one message per send.
            assert len(missed) <= 1, (message["seq"], missed)
            gaps["sends"] += 1
            gaps["slipped"] += len(missed)
    return gaps


async def _main(runs):
    from tests.integration.speech.conftest import World  # noqa: PLC0415 - a fixture's class

    for rules in ("a", "b"):
        began, totals = time.monotonic(), Counter()
        dice = random.Random(f"{rules} {runs}")
        with (
            tempfile.TemporaryDirectory() as folder,
            LocalBackend(BackendOptions(caught_up=rules)) as backend,
        ):
            async with AsyncClient(base_url=backend.base_url) as nobody:
                made = await nobody.auth.create_guest_owner("owner")
            async with AsyncClient(base_url=backend.base_url, auth_token=made["token"]) as owner:
                for number in range(runs):
                    async with contextlib.AsyncExitStack() as stack:
                        world = World(backend, owner, Path(folder), stack)
                        outcome = await race(world, f"agent-{number}", dice)
                    totals += judge(outcome)
                    totals += Counter(
                        runs=1, injected=outcome.injected, conflicts=outcome.conflicts, unenforced=0
                    )
        print(f"caught-up rule {rules}: {dict(totals)}, never shown 0, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
