"""
Two clients of tools and a handler in one chat, in which somebody speaks again and again; by turns the handler replies
itself, or lets an agent reply by tools as its run.

Whoever speaks was shown everything that stands before his words, the agent's own words included; each text stands
once if its speaker was told that it was said, and not at all if he was told that it was not.

`python -m tests.integration.speech.tool_races RUNS` prints what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mycel_runtime import Plugin
from mycel_runtime.backend.quirks import Quirks
from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.errors import ToolProblemError
from mycel_runtime.mcp_server.answered_run import AnsweredRun
from tests.integration.speech.speaking import direct
from tests.integration.speech.tool_client import ToolClient

OPTIONS = {"quirks": Quirks(check_then_write=False)}
REPLIES = 2
BY_TOOL = 0.5
"""Of the handler's answers."""
ROUNDS = 30
WAIT_SECONDS = 120.0


@dataclass
class Record:
    """Of each text its speaker's view: the numbers that he had been shown when he asked for it."""

    views: dict = field(default_factory=dict)
    told: dict = field(default_factory=dict)
    counts: Counter = field(default_factory=Counter)


async def use_tools(name, client, chat_id, record, dice):
    """Reads and replies, and replies again with the news in view if that was refused."""
    shown = set()
    for number in range(REPLIES):
        page = await client.call("read", chat_id=chat_id)
        shown.update(message["seq"] for message in page["messages"])
        for attempt in range(ROUNDS):
            await asyncio.sleep(dice.random() * 0.02)
            text = f"{name} {number}.{attempt}"
            record.views[text] = set(shown)
            try:
                result = await client.call("reply", chat_id=chat_id, text=text)
            except ToolProblemError as exc:
                record.told[text] = False
                record.counts["refused"] += 1
                shown.update(message["seq"] for message in exc.shown["meanwhile"])
                continue
            record.told[text] = True
            record.counts["tool replies"] += 1
            shown.add(result["seq"])
            shown.update(message["seq"] for message in result["meanwhile"])
            break


async def answer_by_tool(client, ctx, shown, record):
    """As the handler's run, and again with the news in view if that was refused."""
    for attempt in range(ROUNDS):
        text = f"handler {ctx.messages[-1].seq} {ctx.attempt} by a tool {attempt}"
        record.views[text] = set(shown)
        try:
            result = await client.call("reply", chat_id=ctx.chat_id, text=text)
        except ToolProblemError as exc:
            record.told[text] = False
            if exc.shown is None:
                return
            record.counts["refused in a run"] += 1
            shown.update(message["seq"] for message in exc.shown["meanwhile"])
            continue
        record.told[text] = not result["note"]
        record.counts["run replies"] += 1
        return


async def race(world, name, dice):
    """The wrongs of one run, and its counts."""
    record, shown = Record(), set()
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        shown.update(message.seq for message in ctx.messages)
        await asyncio.sleep(dice.random() * 0.02)
        if dice.random() < BY_TOOL:
            run = AnsweredRun.of((await ctx.tools()).environment)
            await answer_by_tool(ToolClient(agent, run=run), ctx, shown, record)
            return
        text = f"handler {ctx.messages[-1].seq} {ctx.attempt}"
        record.views[text] = set(shown)
        await ctx.reply(text)
        record.counts["handler replies"] += 1

    agent = await world.agent(name, plugin)
    chat_id = await direct(world, name)
    dispatcher = agent.parts.dispatcher

    async def talk():
        for number in range(dice.randint(3, 6)):
            await world.say(chat_id, f"said {number}")
            record.counts["injected"] += 1
            await agent.take(*agent.hint(chat_id, None))
            dispatcher.wake()
            await asyncio.sleep(dice.random() * 0.04)

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dispatcher.run())
        players = [tasks.create_task(talk())]
        for tool in ("one", "two"):
            client = ToolClient(agent, seconds=60.0)
            players.append(tasks.create_task(use_tools(tool, client, chat_id, record, dice)))
        await asyncio.gather(*players)
        while any(await busy(agent)):  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.01)
        dispatcher.stop()
        await running
    history = await world.owner.messages.list(chat_id, limit=200)
    return [*wrongs_of(history, agent.me, record)], record.counts


async def busy(agent):
    statistics = await agent.journal.statistics(agent.me)
    return statistics.due, statistics.running


def wrongs_of(history, me, record):
    """What must not be."""
    foreign = {message["seq"] for message in history if message["sender_id"] != me}
    own = [message for message in history if message["sender_id"] == me]
    said = Counter(message["content"] for message in own)
    for message in own:
        text, seq = message["content"], message["seq"]
        before = {number for number in foreign if number < seq}
        if not text.startswith("handler"):
            # Nobody tells a handler of what tools say, as nobody tells it of its own words.
            before |= {each["seq"] for each in own if each["seq"] < seq}
        if unseen := before - record.views[text]:
            yield f"stale: {text!r} at {seq} without {sorted(unseen)}"
    yield from (f"doubled: {text!r}" for text, times in said.items() if times > 1)
    for text, is_said in record.told.items():
        if said[text] != is_said:
            yield f"{text!r} stands {said[text]} times, told {is_said}"


async def run(runs, seed=0):
    """The wrongs and the counts of so many races."""
    from tests.integration.speech.conftest import World, enter  # noqa: PLC0415 - only where no fixture makes it

    wrongs, counts = [], Counter()
    with tempfile.TemporaryDirectory() as folder, LocalBackend(BackendOptions(**OPTIONS)) as backend:
        for number in range(runs):
            dice = random.Random(f"{seed}.{number}")
            async with contextlib.AsyncExitStack() as stack:
                world = World(backend, await enter(backend, stack), Path(folder), stack)
                wrong, counted = await race(world, f"agent-{number}", dice)
            wrongs += [f"run {number}: {each}" for each in wrong]
            counts += counted
            if not (number + 1) % 20:
                print(f"… {number + 1} runs, {len(wrongs)} wrongs", flush=True)
    return wrongs, counts


def main():
    """Print the table."""
    runs, began_at = int(sys.argv[1]) if sys.argv[1:] else 200, time.monotonic()
    wrongs, counts = asyncio.run(run(runs))
    print(*wrongs, sep="\n")
    stale = sum(": stale" in wrong for wrong in wrongs)
    doubled = sum(": doubled" in wrong for wrong in wrongs)
    print(f"{runs} runs in {time.monotonic() - began_at:.0f} s: {stale} stale, {doubled} doubled", end="")
    print(f", {len(wrongs) - stale - doubled} told wrongly;", dict(sorted(counts.items())))
    sys.exit(bool(wrongs))


if __name__ == "__main__":
    main()
