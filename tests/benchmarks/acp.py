"""
What the plugin `acp` costs: `.venv/bin/python -m tests.benchmarks.acp`.

Each figure is taken beside what it is compared with, in one run: a turn through the runtime with the plugin, and with
a handler that does the least that speaks the protocol to the same agent (`tests/plugins/acp/bare_client.py`); fifty
chats beside one; other chats' turns beside an answer of twenty megabytes in one line, and without it.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import structlog

from mycel_runtime import MessageContext, Plugin
from mycel_runtime.testing import Mycel
from mycel_runtime.testing.journal_folder import journal_folder
from mycel_runtime_plugins.acp import plugin
from mycel_runtime_plugins.acp.hosts import close_hosts
from tests.plugins.acp.bare_client import running
from tests.plugins.acp.conftest import PlainAgent

TURNS: Final = 100
CHATS: Final = 50
ANSWER_BYTES: Final = 20_000_000
WARM_TURNS: Final = 5
PATIENCE_SECONDS: Final = 120

MOST_OVERHEAD: Final = 20.0
"""Milliseconds per turn beyond the bare client's, by the median."""
MOST_RATIO: Final = 1.5
MOST_MEMORY: Final = 64.0
"""MiB for fifty chats."""
MOST_DELAY: Final = 1.5
"""Of the 99th percentile of other chats' turns."""


def an_agent(folder, *steps):
    made = PlainAgent(Path(folder))
    made.folder.mkdir(parents=True, exist_ok=True)
    made.play(list(steps))
    return made


def bare_plugin(client, session_id):
    bare = Plugin("bare")

    @bare.on_message
    async def answer(ctx: MessageContext) -> None:
        before = len(client.updates)
        await client.prompt(session_id, ctx.messages[-1].content)
        await ctx.reply("".join(each["update"]["content"]["text"] for each in client.updates[before:]))

    return bare


async def turn(person, text, agent):
    began = time.perf_counter()
    await person.says(text, to=agent)
    await person.hears("Hello.", within=PATIENCE_SECONDS)
    return 1000 * (time.perf_counter() - began)


async def overhead(mycel, folder):
    ours, peer = an_agent(f"{folder}/ours", ["say", "Hello."]), an_agent(f"{folder}/peer", ["say", "Hello."])
    async with running(peer.command, cwd=folder) as client:
        await client.initialize()
        session = await client.new_session(folder)
        with_plugin = await mycel.agent(plugin, settings={"acp": settings_of(ours, folder)})
        with_bare = await mycel.agent(bare_plugin(client, session["sessionId"]))
        ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
        times = {"plugin": [], "bare": []}
        for number in range(WARM_TURNS + TURNS):
            pair = (await turn(ada, f"{number}", with_plugin), await turn(bob, f"{number}", with_bare))
            if number >= WARM_TURNS:
                times["plugin"].append(pair[0])
                times["bare"].append(pair[1])
        await with_bare.stop()
        await with_plugin.stop()
    plugin_ms, bare_ms = (statistics.median(times[name]) for name in ("plugin", "bare"))
    report("a turn, beyond the bare client's, ms", plugin_ms - bare_ms, MOST_OVERHEAD)
    report(
        f"a turn ({plugin_ms:.1f} ms) to the bare client's ({bare_ms:.1f} ms)",
        plugin_ms / bare_ms,
        MOST_RATIO,
    )


async def memory(mycel, folder):
    agent = an_agent(f"{folder}/many", ["say", "Hello."])
    runtime = await mycel.agent(plugin, settings={"acp": settings_of(agent, folder)})
    people = [await mycel.human(f"Person {number}") for number in range(CHATS)]
    await turn(people[0], "hello", runtime)
    before = resident_mib()
    for person in people[1:]:
        await turn(person, "hello", runtime)
    report(
        f"{CHATS} chats in {len(agent.record('started'))} process beside 1, MiB",
        resident_mib() - before,
        MOST_MEMORY,
    )
    await runtime.stop()


async def big_line(mycel, folder):
    """The others' agent has a process of its own: one that is shared can write one line at a time."""
    big = an_agent(f"{folder}/big", ["fill_if", "big", ANSWER_BYTES], ["say", "Hello."])
    small = an_agent(f"{folder}/small", ["say", "Hello."])
    runtime = await mycel.agent(plugin, settings={"acp": settings_of(small, folder)})
    verbose = await mycel.agent(plugin, settings={"acp": settings_of(big, folder)})
    others, cleo = [await mycel.human("Ada"), await mycel.human("Bob")], await mycel.human("Cleo")
    for person in others:
        await turn(person, "hello", runtime)
    await turn(cleo, "hello", verbose)
    alone = await side_by_side(others, runtime, asyncio.sleep(0))
    before = resident_mib()
    beside = await side_by_side(others, runtime, big_turns(cleo, verbose))
    report(
        "others' p99 beside an answer of 20 MB to that without",
        percentile(beside) / percentile(alone),
        MOST_DELAY,
    )
    print(
        f"  p99 {percentile(alone):.1f} ms without, {percentile(beside):.1f} ms beside; "
        f"memory {resident_mib() - before:+.1f} MiB"
    )
    await verbose.stop()
    await runtime.stop()


async def big_turns(person, runtime):
    for _ in range(5):
        await person.says("big", to=runtime)
        await person.hears(
            lambda message: message.content.endswith("only its beginning is sent.]"), within=PATIENCE_SECONDS
        )


async def side_by_side(people, runtime, beside):
    async def talk(person):
        return [await turn(person, f"{number}", runtime) for number in range(TURNS)]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(beside, name="beside")
        talks = [tasks.create_task(talk(person), name="talk") for person in people]
    return [time for each in talks for time in each.result()]


def settings_of(agent, folder):
    return {"command": agent.command, "folder": f"{folder}/chats", "mode": "default"}


def percentile(times):
    return statistics.quantiles(times, n=100)[98]


def resident_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1_048_576


def report(what, value, most):
    print(f"{what:<66}{value:>8.2f}   at most {most:g}{'' if value <= most else '   MISSED'}", flush=True)


async def measure(work):
    with journal_folder() as journals, tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(close_hosts)
            mycel = await stack.enter_async_context(Mycel(journals))
            await work(mycel, folder)


def main():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for work in (overhead, memory, big_line):
        if not sys.argv[1:] or work.__name__ in sys.argv[1:]:
            asyncio.run(measure(work))


if __name__ == "__main__":
    main()
