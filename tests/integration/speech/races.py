"""
Never stale: foreign messages injected between any two steps of showing and sending.

`python -m tests.integration.speech.races RUNS` prints what happened, for each kind of server.
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

from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.plugin.plugin import Plugin

SERVERS = {
    # Compares and writes in one (contract 4.5), and knows neither `messages/read` (405) nor scopes (422).
    "generation-a": {"generation": "a", "quirks": Quirks(check_then_write=False)},
    "rules-a": {"caught_up": "a"},
    "b": {},
}
STEPS = ("read", "mark_read", "list", "send")
PARTS = 2
COLUMNS = ("runs", "injected", "conflicts", "sends", "slipped")


@dataclass(kw_only=True)
class Race:
    """`views`: at each send that was accepted, the numbers that the handler had been shown by then."""

    me: str
    is_atomic: bool
    history: list
    views: dict
    shown: set
    enforced: bool
    injected: int
    conflicts: int


class Intruder:
    """Says something when nobody wants to hear it: before a step of the runtime's, or within the server's send."""

    def __init__(self, world, chat_id, owner_id, dice):
        self._world = world
        self._chat_id = chat_id
        self._owner_id = owner_id
        self._dice = dice
        self._is_atomic = not world.backend.options.quirks.check_then_write
        self._left = self._wanted = dice.randint(1, 5)
        self.enforced = []

    @property
    def injected(self):
        return self._wanted - self._left

    async def intrude(self, chance):
        if self._left > 0 and self._dice.random() < chance:
            self._left -= 1
            if self._is_atomic or self._dice.random() < 0.5:
                await self._world.say(self._chat_id, f"said {self._left}")
            else:
                self._world.backend.faults.interject(self._owner_id, f"slipped in {self._left}")

    def watch(self, messages):
        """Stand before each of the steps."""
        for name in STEPS:
            setattr(messages, name, self._watched(name, getattr(messages, name)))

    def _watched(self, name, step):
        async def watched(*args, **kwargs):
            await self.intrude(0.15)
            if name == "send":
                self.enforced.append(kwargs.get("enforce_caught_up"))
            return await step(*args, **kwargs)

        return watched


async def race(world, name, dice):
    """A chat in which somebody speaks again and again while the handler makes up its mind."""
    plugin = Plugin("p")
    shown, views = set(), {}

    @plugin.on_message
    async def answer(ctx):
        shown.update(message.seq for message in ctx.messages)
        for part in range(PARTS):
            await intruder.intrude(0.7)
            before = set(shown)
            sent = await ctx.reply(f"{part}")
            views.setdefault(sent.seq, before)

    agent = await world.agent(name, plugin)
    chat_id = (await world.owner.chats.ensure_direct(name))["id"]
    intruder = Intruder(world, chat_id, (await world.owner.me.whoami())["id"], dice)
    intruder.watch(agent.sdk.messages)
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)
    return await _raced(world, agent, chat_id, intruder, views, lambda: shown)


async def _raced(world, agent, chat_id, intruder, views, shown):
    """What came of it, once the faults are gone and all is heard."""
    world.backend.faults.clear()
    for _ in range(10):
        agent.clock.ahead += 5
        await _hear_unread(agent, chat_id)
    return Race(
        me=agent.me,
        is_atomic=not world.backend.options.quirks.check_then_write,
        history=await world.owner.messages.list(chat_id, limit=200),
        views=views,
        shown=shown(),
        enforced=all(intruder.enforced),
        injected=intruder.injected,
        conflicts=len(agent.memory.named("send.conflicted")),
    )


async def race_of_first_words(world, name, dice):
    """A chat in which somebody speaks again and again while the agent speaks first there, and two handlers listen."""
    plugin = Plugin("p")
    shown, views = {"one": set(), "two": set()}, {}

    @plugin.on_timer("now")
    async def speak(ctx):
        for part in range(PARTS):
            await intruder.intrude(0.7)
            await ctx.say(chat_id, f"{part}")

    @plugin.on_message(chat="direct")
    async def begin(ctx):
        ctx.timers.set("now", after=0)

    @plugin.on_message(chat="group")
    async def one(ctx):
        await intruder.intrude(0.3)
        shown["one"].update(message.seq for message in ctx.messages)

    @plugin.on_message(chat="group")
    async def two(ctx):
        await intruder.intrude(0.3)
        shown["two"].update(message.seq for message in ctx.messages)

    agent = await world.agent(name, plugin)
    here = (await world.owner.chats.ensure_direct(name))["id"]
    await world.user(f"{name}-bystander")
    chat_id = (await world.owner.chats.create([name, f"{name}-bystander"], kind="group", title="g"))["id"]
    intruder = Intruder(world, chat_id, (await world.owner.me.whoami())["id"], dice)
    intruder.watch(agent.sdk.messages)
    agent.sdk.messages.send = _noting_views(agent.sdk.messages.send, shown, views)
    await world.say(here, "go")
    await agent.hear(here, 1)
    return await _raced(world, agent, chat_id, intruder, views, lambda: shown["one"] & shown["two"])


async def race_of_answers(world, name, dice):
    """A chat in which somebody speaks again and again while an answer is handled, at once or after a look."""
    plugin = Plugin("p")
    shown, heard, views = set(), set(), {}

    @plugin.on_message(pattern="^go$")
    async def ask(ctx):
        await ctx.ask(ctx.chat_id, "well?", name="q")

    @plugin.on_message
    async def listen(ctx):
        heard.update(message.seq for message in ctx.messages)

    @plugin.on_answer("q")
    async def answered(ctx):
        shown.update(message.seq for message in (*ctx.messages, *ctx.meanwhile))
        for part in range(PARTS):
            await intruder.intrude(0.7)
            if dice.random() < 0.3:
                shown.update(message.seq for message in await ctx.newer())
            before = set(shown)
            sent = await ctx.reply(f"{part}")
            views.setdefault(sent.seq, before)

    agent = await world.agent(name, plugin)
    chat_id = (await world.owner.chats.ensure_direct(name))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)
    go, question = await world.owner.messages.list(chat_id)
    # Of what stands before its question, a handler of answers is told by what it was asked with.
    shown.add(go["seq"])
    views[question["seq"]] = {go["seq"]}
    intruder = Intruder(world, chat_id, (await world.owner.me.whoami())["id"], dice)
    intruder.watch(agent.sdk.messages)
    await world.say(chat_id, "five")
    for number in range(dice.randint(0, 2)):
        await world.say(chat_id, f"late {number}")
    await agent.hear(chat_id)
    raced = await _raced(world, agent, chat_id, intruder, views, lambda: shown | heard)
    assert heard.isdisjoint(message["seq"] for message in raced.history if message["content"] == "five")
    return raced


def _noting_views(send, shown, views):
    """What both handlers had been shown when a message was about to be sent."""

    async def noting(*args, **kwargs):
        before = shown["one"] & shown["two"]
        message = await send(*args, **kwargs)
        views[message["seq"]] = before
        return message

    return noting


async def _hear_unread(agent, chat_id):
    """The server announces what it counts as unread, and nothing else (Q28)."""
    unread = await agent.sdk.messages.unread(chat_id)
    if unread:
        await agent.hear(chat_id, unread[-1]["seq"])
    else:
        await agent.deliver()


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
            assert len(missed) <= (not run.is_atomic), (message["seq"], missed)
            gaps["sends"] += 1
            gaps["slipped"] += len(missed)
    assert gaps["sends"] >= PARTS, gaps
    return gaps


async def _race_all(kind, run_race, runs):
    from tests.integration.speech.conftest import World, enter  # noqa: PLC0415 - a fixture's parts

    began, totals, dice = time.monotonic(), Counter(), random.Random(f"{kind} {runs}")
    with tempfile.TemporaryDirectory() as folder, LocalBackend(BackendOptions(**SERVERS[kind])) as backend:
        async with contextlib.AsyncExitStack() as stack:
            owner = await enter(backend, stack)
            for number in range(runs):
                async with contextlib.AsyncExitStack() as one:
                    outcome = await run_race(
                        World(backend, owner, Path(folder), one), f"agent-{number}", dice
                    )
                totals += judge(outcome)
                totals += Counter(runs=1, injected=outcome.injected, conflicts=outcome.conflicts)
    columns = "".join(f"{totals[name]:>11}" for name in COLUMNS)
    print(
        f"{kind:<14}{run_race.__name__.removeprefix('race_of_'):<13}{columns}{time.monotonic() - began:>8.0f}"
    )


async def _main(runs):
    print(f"{'server':<14}{'of':<13}{''.join(f'{name:>11}' for name in COLUMNS)}{'seconds':>8}")
    for kind in SERVERS:
        for run_race in (race, race_of_first_words, race_of_answers):
            await _race_all(kind, run_race, runs)
    print("never shown: 0; accepted without having seen what no slip explains: 0; unenforced: 0")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
