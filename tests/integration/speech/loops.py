"""
Agents that answer each other for a simulated day, and agents with a human among them for thousands of turns.

`python -m tests.integration.speech.loops TURNS` prints what happened.
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

TEN_MINUTES = 600.0
BUDGET = 6
TIGHTEST = {"turns": 1, "chat_sends": 1, "plugin_sends": 1}
SHAPES = {
    "a pair": (2, "group"),
    "a ring of four": (4, "group"),
    "a ring of four, a chat for each two": (4, "direct"),
}
"""How many agents, and whether they share one chat or have one with either neighbour."""


def talkative():
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await ctx.reply(f"{ctx.me} answers {ctx.messages[-1].seq}")

    return plugin


@dataclass(frozen=True, kw_only=True)
class Day:
    """`sends`: by agent and chat, without the question that began it; `trips` by agent and chat."""

    sends: dict[tuple[str, str], int]
    trips: dict[tuple[str, str], int]
    quiet_hours: float


async def day(world, shape, *, stretches=(0.5, 11.5, 12.0)):
    """
    A conversation of agents: one may speak every ten minutes of the clock; all restart between stretches.

    Args:
        world: Where.
        shape: One of `SHAPES`.
        stretches: Hours. The first ends while they still talk.
    """
    count, kind = SHAPES[shape]
    names = [f"agent-{number}" for number in range(count)]
    agents = [await world.agent(name, talkative()) for name in names]
    chats = await _chats(world, agents, kind)
    for chat_id, (first, *_) in chats.items():
        await agents[first].sdk.messages.send(chat_id, "anybody?", enforce_caught_up=False)
    trips, spoke_at = Counter(), await _pass_time(agents, chats, stretches[0])
    for hours in stretches[1:]:
        trips += _trips(agents)
        agents = await _again(world, agents)
        spoke_at = await _pass_time(agents, chats, hours, spoke_at)
    return Day(
        sends=await _sends(agents, chats),
        trips=trips + _trips(agents),
        quiet_hours=(agents[0].clock.ahead - spoke_at) / 3600,
    )


async def _again(world, agents, **settings):
    """The same agents after a restart, at the same time."""
    for agent in agents:
        await agent.journal.close()
    again = [await world.agent(agent.me, talkative(), **settings) for agent in agents]
    for before, after in zip(agents, again, strict=True):
        after.clock.ahead = before.clock.ahead
    return again


async def _chats(world, agents, kind):
    """Chats with the agents in them, by index."""
    if kind == "group":
        names = [agent.me for agent in agents]
        return {(await world.owner.chats.create(names, kind="group", title="g"))["id"]: [*range(len(agents))]}
    ring = [(number, (number + 1) % len(agents)) for number in range(len(agents))]
    return {
        (await agents[one].sdk.chats.ensure_direct(agents[other].me))["id"]: [one, other]
        for one, other in ring
    }


async def _pass_time(agents, chats, hours, spoke_at=0.0):
    """Every agent looks at its chats every ten simulated minutes, in turn; when anybody last spoke."""
    for _ in range(int(hours * 6)):
        for number, agent in enumerate(agents):
            for other in agents:
                other.clock.ahead += TEN_MINUTES / len(agents)
            said = len(agent.memory.named("message.sent"))
            for chat_id, members in chats.items():
                if number in members:
                    await agent.hear(chat_id)
            if len(agent.memory.named("message.sent")) > said:
                spoke_at = agent.clock.ahead
    return spoke_at


async def _sends(agents, chats):
    sends = {}
    for chat_id, members in chats.items():
        history = await agents[members[0]].sdk.messages.list(chat_id, limit=200)
        for number in members:
            me = agents[number].me
            own = sum(message["sender_id"] == me for message in history)
            sends[me, chat_id] = own - (number == members[0])
    return sends


def _trips(agents):
    return Counter(
        (agent.me, fact.chat_id) for agent in agents for fact in agent.memory.named("guard.tripped")
    )


def wrongs(seen):
    """What must not be after a day, whatever the shape; whoever falls silent first lets the others off."""
    found = [f"{sends} sends of {who}" for who, sends in seen.sends.items() if not 0 < sends <= BUDGET + 1]
    found += [f"{trips} trips of {who}" for who, trips in seen.trips.items() if trips > 1]
    if not any(seen.trips.values()):
        found.append("nobody tripped")
    if seen.quiet_hours <= 12:
        found.append(f"quiet for {seen.quiet_hours} h only")
    return found


async def attended(world, turns, *, agents=4, chats=5):
    """
    So many turns of agents in groups in which a human has always just spoken, restarted now and then.

    The guard is as tight as can be. The agents hear in an order that changes, so that what they are shown is at times
    the human's message alone and at times with answers of the others.

    Returns:
        Turns, trips, and messages that were withheld.
    """
    dice, names = random.Random(turns), [f"agent-{number}" for number in range(agents)]
    crowd = [await world.agent(name, talkative(), guard=TIGHTEST) for name in names]
    groups = [
        (await world.owner.chats.create(names, kind="group", title=f"{number}"))["id"]
        for number in range(chats)
    ]
    rounds, done, trips = -(-turns // agents), 0, Counter()
    for number in range(rounds):
        group = groups[number % chats]
        await world.say(group, f"question {number}")
        for agent in dice.sample(crowd, agents):
            await agent.hear(group)
        if number in {rounds // 3, 2 * rounds // 3, rounds - 1}:
            trips += _trips(crowd)
            done += sum(len(agent.memory.named("message.sent")) for agent in crowd)
            crowd = await _again(world, crowd, guard=TIGHTEST)
    return done, trips.total(), rounds * agents - done


async def _main(turns):
    from tests.integration.speech.conftest import World, enter  # noqa: PLC0415 - a fixture's parts

    @contextlib.asynccontextmanager
    async def world():
        with tempfile.TemporaryDirectory() as folder, LocalBackend(BackendOptions()) as backend:
            async with contextlib.AsyncExitStack() as stack:
                yield World(backend, await enter(backend, stack), Path(folder), stack)

    print(
        f"{'24 hours of the clock':<38}{'agents':>7}{'chats':>7}{'sends':>7}{'budget':>8}{'trips':>7}{'quiet h':>9}"
    )
    for shape, (count, _) in SHAPES.items():
        async with world() as here:
            seen = await day(here, shape)
        if found := wrongs(seen):
            raise SystemExit(f"{shape}: {found}")
        print(
            f"{shape:<38}{count:>7}{len({chat for _, chat in seen.sends}):>7}{max(seen.sends.values()):>7}"
            f"{BUDGET:>8}{sum(seen.trips.values()):>7}{seen.quiet_hours:>9.1f}"
        )
    began = time.monotonic()
    async with world() as here:
        done, trips, withheld = await attended(here, turns)
    print(
        f"with a human in view, the guard at 1: {done} turns, {trips} trips, {withheld} withheld,"
        f" {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
