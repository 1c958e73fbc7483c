"""
What a rate limit costs: an agent behind a gateway that lets so many requests a second through.

    python -m tests.road.limits [RATE ...]

A person says 20 things in five new chats at once, past the gateway; the agent answers each. What the limit itself
needs is measured: a bare loop that knows the rate and keeps it, with a read and a send for each message, on the same
machine through the same gateway; at least the calls by the rate, less the burst, and the one pause after which a
refusal lets us come back, because only a refusal tells. Bars: all answered, each once, no delivery put off; twice
that time; one request in three refused. Exit status 1 if one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.daemon.agent_runtime import AgentRuntime
from mycel_runtime.daemon.reload.agent_reload import AgentReload
from mycel_runtime.daemon.signals import StopRequest
from mycel_runtime.errors import RateLimitedError, ServerError
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import LoadedPlugin
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.network import Network
from mycel_runtime.settings import Settings
from tests.road.gateway import Gateway, Limit
from tests.road.message import html

RATES = (1, 2, 5, 10, 20, 50)
BURSTS = (0, 10)
STATUSES = (429, 503)
PAUSES = (None, 1)
CHATS = 5
MESSAGES = 20
BARE_CALLS = 2
LONGEST_RATIO = 2.0
MOST_REFUSED = 1 / 3
START_SECONDS = 30.0
DEADLINE_SECONDS = 30.0
ROWS_AT_ONCE = 2


@dataclass(frozen=True)
class Row:
    """A limit; `pause` is its `Retry-After`."""

    rate: int
    burst: int
    status: int
    pause: int | None

    @property
    def least_seconds(self):
        """For the calls of a bare loop."""
        return max(0, BARE_CALLS * MESSAGES - self.burst) / self.rate + (self.pause or 0)

    def limit(self):
        headers = {} if self.pause is None else {"Retry_After": self.pause}
        answer = html(self.status, "Slow down", **headers)
        return Limit(self.rate, self.burst, answer=answer)

    def __str__(self):
        return f"{self.rate:3} r/s, burst {self.burst:2}, {self.status}, Retry-After {self.pause or '-'}"


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    row: Row
    needed: float
    seconds: float
    answered: int
    doubled: int
    put_off: int
    runs: int
    calls: int
    refused: int

    @property
    def ratio(self):
        return self.seconds / self.needed

    @property
    def refused_share(self):
        return self.refused / self.calls

    @property
    def missed(self):
        """The bars that do not hold, in words."""
        bars = {
            "answered": self.answered == MESSAGES,
            "doubled": not self.doubled,
            "put off": not self.put_off,
            "time": self.ratio <= LONGEST_RATIO,
            "refused": self.refused_share <= MOST_REFUSED,
        }
        return [name for name, is_held in bars.items() if not is_held]

    def __str__(self):
        return (
            f"{self.row}: {self.answered} answered in {self.seconds:5.1f} s, needed {self.needed:5.1f} s,"
            f" ratio {self.ratio:.2f}; {self.calls / MESSAGES:.2f} calls a message, refused {self.refused_share:.0%};"
            f" {self.runs} runs, put off {self.put_off}, doubled {self.doubled}"
            + (f"  MISSED: {', '.join(self.missed)}" if self.missed else "")
        )


class Ready(Observer):
    """Knows when the agent's first look is over; counts what it was told."""

    def __init__(self):
        self.has_looked = asyncio.Event()
        self.counts = Counter()

    def tell(self, fact):
        self.counts[fact.name] += 1
        if fact.name == "reconcile.finished":
            self.has_looked.set()


def answering(runs):
    """Answers each message by itself, and counts its runs."""
    plugin = Plugin("echo")

    @plugin.on_message
    async def answer(ctx):
        runs[ctx.chat_id] += 1
        for message in ctx.messages:
            await ctx.reply(f"re: {message.content}")

    return LoadedPlugin(plugin=plugin, settings=None, origin="here", version="")


@contextlib.asynccontextmanager
async def living(base_url, token, folder, runs, observer):
    """A whole runtime, in this process."""
    agent = {"name": "agent", "base_url": base_url, "state_dir": str(folder / "state")}
    settings = Settings(file={"agent": agent, "plugins": {"echo": {}}}, overrides={})
    runtime = AgentRuntime(
        AgentReload(folder / "agent.toml", settings, [answering(runs)], {}),
        token=SecretStr(token),
        network=Network(),
        observer=observer,
        show=lambda _line: None,
        how_to_talk="",
    )
    stop = StopRequest()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runtime.run(stop, ready=lambda: None))
        try:
            yield
        finally:
            stop.ask("the end")
            stop.ask("now")


async def say_all(owner, agent):
    """A person's messages, in chats of their own."""
    chats = [
        (await owner.chats.create([agent], kind="group", title=str(number)))["id"] for number in range(CHATS)
    ]
    for number in range(MESSAGES):
        await owner.messages.send(chats[number % CHATS], f"{number}", enforce_caught_up=False)
    return chats


async def bare_seconds(owner, gateway, row, token):
    """Of a loop that knows the limit, keeps it, and waits when it is refused; from the first message, as ours."""
    loop = asyncio.get_running_loop()
    began, burst = loop.time(), row.burst
    chats = await say_all(owner, "bare")
    gateway.limit = row.limit()
    async with AsyncClient(base_url=gateway.base_url, auth_token=token) as bare:

        async def keep(call, *arguments):
            nonlocal burst
            while True:
                next_at = loop.time() + (0.0 if burst > 0 else 1 / row.rate)
                burst -= 1
                try:
                    await call(*arguments)
                except (RateLimitedError, ServerError):
                    next_at += row.pause or 0.0
                    await asyncio.sleep(next_at - loop.time())
                    continue
                await asyncio.sleep(next_at - loop.time())
                return

        for number in range(MESSAGES):
            await keep(bare.messages.read, chats[number % CHATS])
            await keep(bare.messages.send, chats[number % CHATS], f"re: {number}")
    gateway.limit = None
    return loop.time() - began


async def replies(owner, chats):
    """What the agent has said, and how often."""
    histories = [await owner.messages.list(chat_id, limit=100) for chat_id in chats]
    return Counter(
        message["content"]
        for message in itertools.chain.from_iterable(histories)
        if message["sender_id"] == "agent"
    )


async def converse(owner, gateway, row, runs, observer, needed):
    """From the first message to the last answer."""
    gateway.limit = row.limit()
    calls, refused = gateway.calls.total(), gateway.refused.total()
    began, deadline = time.monotonic(), 3 * needed + 5
    chats = await say_all(owner, "agent")
    while True:
        said, seconds = await replies(owner, chats), time.monotonic() - began
        if len(said) == MESSAGES or seconds > deadline:
            break
        await asyncio.sleep(min(0.2, 1 / row.rate))
    return Outcome(
        row=row,
        needed=needed,
        seconds=seconds,
        answered=len(said),
        doubled=said.total() - len(said),
        put_off=observer.counts["delivery.postponed"],
        runs=runs.total(),
        calls=gateway.calls.total() - calls,
        refused=gateway.refused.total() - refused,
    )


async def measure(row, folder, *, is_timed=True, order=lambda gateway: None):
    """
    One row, with a backend and a gateway of its own.

    Args:
        row: The limit.
        folder: For the agent's state.
        is_timed: Whether to find out what it needs.
        order: What the gateway is to do besides.
    """
    runs, observer = Counter(), Ready()
    with LocalBackend() as backend, Gateway(backend.port) as gateway:
        async with AsyncClient(base_url=backend.base_url) as nobody:
            person = await nobody.auth.create_guest_owner("person")
        async with AsyncClient(base_url=backend.base_url, auth_token=person["token"]) as owner:
            bare = (await owner.auth.create_external_user("bare", "Bare"))["token"]
            needed = DEADLINE_SECONDS
            if is_timed:
                needed = max(await bare_seconds(owner, gateway, row, bare), row.least_seconds)
            token = (await owner.auth.create_external_user("agent", "Agent"))["token"]
            async with living(gateway.base_url, token, folder, runs, observer):
                async with asyncio.timeout(START_SECONDS):
                    await observer.has_looked.wait()
                order(gateway)
                return await converse(owner, gateway, row, runs, observer, needed)


async def measure_all(rows, show):
    """Some at a time: they wait most of the time."""
    slots = asyncio.Semaphore(ROWS_AT_ONCE)

    async def in_a_slot(row):
        async with slots:
            with tempfile.TemporaryDirectory() as folder:
                outcome = await measure(row, Path(folder))
            show(outcome)
            return outcome

    async with asyncio.TaskGroup() as tasks:
        measuring = [tasks.create_task(in_a_slot(row)) for row in rows]
    return [task.result() for task in measuring]


def main():
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rates", nargs="*", type=int, default=RATES)
    rows = [Row(*each) for each in itertools.product(parser.parse_args().rates, BURSTS, STATUSES, PAUSES)]
    outcomes = asyncio.run(measure_all(rows, lambda outcome: print(outcome, flush=True)))
    missed = [outcome for outcome in outcomes if outcome.missed]
    print(f"{len(outcomes) - len(missed)} of {len(outcomes)} rows held")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
