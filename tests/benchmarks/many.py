"""
A thousand agents in one process: their files, their start, their rest, their neighbours, and their end.

    python -m tests.benchmarks.many [--agents 1000] [--chats 20] [--settle 120] [--rest 60]
        [--fair SECONDS] [--pairs 3]

One `mycel-runtime run` of the bundled `echo` for all of them, against one local Mycel in a process of its own, which
is asked who listens. Beside it, in a process of its own, too, a bare loop: it opens the same sockets, as many at a
time, and makes the calls that an agent of `echo` makes at rest (drain, chat list), as often as ours were counted to.
Printed:

- `check`: seconds for all files; and for as many files with a mistake each, all of which `run` tells before it ends.
- start: seconds from the process's start until all listen, and of the bare loop. Bar: 2 × the bare loop's.
- rest: processor time by the second, and calls, from `--settle` seconds after the start on. Bar: 1.5 × the bare
  loop's.
- status: seconds for the table of all, and how many are ready.
- stop: seconds from TERM to the process's end. Bar: drain_timeout + 2.
- with `--fair`: 20 messages a second to all agents but ten for so many seconds, without and with those ten never out
  of work, in so many alternating pairs; medians and 99th percentiles of the answers' delays by the backend's own
  clock, and the ratios' medians with their spread. Bar of the p99: 1.5 × without.

Exit status 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.stream import open_stream
from tests.benchmarks.crowd import Use

DEADLINE_SECONDS: Final = 600.0
OPENED_AT_ONCE: Final = 32
REST_SECONDS: Final = 30.0
"""Between two looks at the server; `[inbox] reconcile_interval`."""

CALLS_OF_LOOK: Final = 2
"""A drain and the chat list; no handler of `echo` wants what other lists tell."""

DRAIN_SECONDS: Final = 30.0
GREEDY: Final = 10
RATE: Final = 20.0
BACKLOG: Final = 50
"""Messages that wait for a greedy agent, at least."""

SHARES: Final = {"start": 2.0, "rest": 1.5, "fair": 1.5}
"""Bars: of the bare loop's, or of what the others have without the greedy."""


@dataclass(frozen=True)
class World:
    """Who there is: tokens by the agents' names, and of each agent its chats with their owners."""

    base_url: str
    tokens: dict[str, str]
    chats: dict[str, list[tuple[str, str]]]


class Mycel:
    """The backend's process, from ours."""

    def __init__(self, agents: int, chats: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, its = context.Pipe()
        self._process = context.Process(target=serve, args=(its, agents, chats), daemon=True)
        self._process.start()
        self.world: World = self._answer()

    def ask(self, verb: str, *arguments: object) -> object:
        """Call a function of `TOOLS` there."""
        self._line.send((verb, arguments))
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join(10)

    def _answer(self):
        if not self._line.poll(DEADLINE_SECONDS):
            raise SystemExit("the backend does not answer")
        return self._line.recv()


def serve(line, agents: int, chats: int) -> None:
    """A backend with everybody, which does as it is told."""
    with LocalBackend() as backend:
        owners = [backend.ask("add_guest", name=f"owner {number}")["id"] for number in range(chats)]
        made = [
            backend.ask("add_external", owner_id=owners[0], user_id=f"a{number:04}", name=f"Agent {number}")
            for number in range(agents)
        ]
        opened = {
            each["id"]: [
                (owner, backend.ask("open_direct", user_id=owner, other_id=each["id"])["id"])
                for owner in owners
            ]
            for each in made
        }
        line.send(World(backend.base_url, {each["id"]: each["token"] for each in made}, opened))
        while True:
            verb, arguments = line.recv()
            line.send(TOOLS[verb](backend, opened, *arguments))


def listening(backend, _chats) -> int:
    """How many agents are listened for."""
    return sum(each["is_listening"] for each in backend.ask("inboxes"))


def talk(backend, chats, seconds: float, greedy: int) -> list[float]:
    """Speak to all but the first ten agents; to `greedy` of those without end. Seconds until each other's answer."""
    names = sorted(chats)
    others, busy = names[GREEDY:], names[:greedy]
    begun, told, spell = time.monotonic(), 0, f"{time.monotonic_ns()}"
    while (passed := time.monotonic() - begun) < seconds:
        while told < passed * RATE:
            owner, chat = random.choice(chats[random.choice(others)])
            backend.ask("say", user_id=owner, chat_id=chat, content=f"{spell} {told}")
            told += 1
        for name in busy:
            feed(backend, name, chats[name])
        time.sleep(0.02)
    time.sleep(10)
    owners = {owner for owner, _ in all_of(chats, others)}
    found = [delay for owner in owners for delay in delays(backend, owner, spell)]
    return [*found, *([60.0] * (told - len(found)))]


def all_of(chats, names):
    """Of these agents."""
    return [pair for name in names for pair in chats[name]]


def feed(backend, name: str, pairs) -> None:
    """So that it is never out of work."""
    waiting = len(backend.ask("backlog", user_id=name)["unread"])
    for owner, chat in random.sample(pairs, max(0, min(len(pairs), BACKLOG) - waiting)):
        backend.ask("say", user_id=owner, chat_id=chat, content="more")


def delays(backend, owner: str, spell: str) -> list[float]:
    """Of the answers to what an owner has said in a spell: `echo` names what it answers last."""
    spoken = [each for each in backend.ask("overhear", user_id=owner, after={}) if spell in each["content"]]
    asked = {each["content"]: each["created_at"] for each in spoken if each["sender_id"] == owner}
    return [
        each["created_at"] - asked[each["content"].removeprefix("echo: ")]
        for each in spoken
        if each["sender_id"] != owner
    ]


TOOLS: Final = {"listening": listening, "talk": talk}


def configure(folder: Path, world: World, more: str = "") -> None:
    """A file for each agent."""
    for name, secret in world.tokens.items():
        token = folder / f"{name}.token"
        token.write_text(secret)
        token.chmod(0o600)
        (folder / f"{name}.toml").write_text(
            f'[agent]\nname = "{name}"\nbase_url = "{world.base_url}"\ntoken_file = "{name}.token"\n'
            f'state_dir = "state/{name}"\n{more}\n[plugins.echo]\n'
        )


def command(*arguments: object) -> list[str]:
    """Of this checkout."""
    return [sys.executable, "-m", "mycel_runtime", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Without what makes each start compile everything."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def timed(*arguments: object) -> tuple[float, str, str]:
    """Seconds, output and errors of a command."""
    begun = time.monotonic()
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=environment(), check=False)
    return time.monotonic() - begun, done.stdout, done.stderr


def wait_listening(mycel: Mycel, agents: int) -> float:
    """The seconds that it took."""
    begun = time.monotonic()
    while (found := mycel.ask("listening")) < agents:
        if time.monotonic() - begun > DEADLINE_SECONDS:
            raise SystemExit(f"only {found} of {agents} are listened for")
        time.sleep(0.1)
    return time.monotonic() - begun


async def keep(base_url: str, tokens: list[str], calls_each: float, opened: object) -> None:
    """Open every socket, say so, and make each one's calls so many times a second, until ended."""
    turns = asyncio.Semaphore(OPENED_AT_ONCE)
    standing = asyncio.Barrier(len(tokens) + 1)

    async def one(token: str) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with turns:
                stream = open_stream(base_url=base_url, auth_token=token, since_seq=0)
                await stack.enter_async_context(stream)
            client = await stack.enter_async_context(AsyncClient(base_url=base_url, auth_token=token))
            await standing.wait()
            pause = CALLS_OF_LOOK / calls_each
            await asyncio.sleep(pause * random.random())
            while True:
                await client.notifications.drain()
                await client.chats.list()
                await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as tasks:
        for token in tokens:
            tasks.create_task(one(token))
        await standing.wait()
        opened.send(True)


def bare(base_url: str, tokens: list[str], calls_each: float, line) -> None:
    """The process of the bare loop."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(keep(base_url, tokens, calls_each, line))


@contextlib.contextmanager
def bare_loop(world: World, calls_each: float):
    """Its pid, once it is to be waited for."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(
        target=bare, args=(world.base_url, list(world.tokens.values()), calls_each, its), daemon=True
    )
    process.start()
    try:
        yield process.pid, ours
    finally:
        process.kill()
        process.join(10)


@contextlib.contextmanager
def ours(folder: Path):
    """The process of all agents; its `Popen`."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command("run", "--config", folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def calls_of(folder: Path, name: str) -> float:
    """Calls that one agent has made since its start."""
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(folder / "state" / name / "control.sock"))
    ) as client:
        text = client.get("http://control/metrics", timeout=60).text
    return sum(map(float, re.findall(r"(?m)^mycel_runtime_call_duration_seconds_count\{.*\} (\S+)$", text)))


def at_rest(pid: int, seconds: float) -> float:
    """Processor milliseconds by the second."""
    before = Use.of(pid)
    time.sleep(seconds)
    return (Use.of(pid).processor - before.processor) / seconds * 1000


class Verdict:
    """Lines, and whether all bars were held."""

    def __init__(self) -> None:
        self.held = True

    def line(self, text: str, figure: float | None = None, bar: float | None = None) -> None:
        """Print one; with a figure that is to be at most the bar."""
        if figure is not None and bar is not None:
            self.held = self.held and figure <= bar
            text += f"; bar {bar:g}: {'held' if figure <= bar else 'missed'}"
        print(text, flush=True)


def files(folder: Path, agents: int, verdict: Verdict) -> None:
    """All files right, then all wrong."""
    seconds, out, _ = timed("check", "--offline", "--config", folder)
    verdict.line(
        f"check, offline      {seconds:8.1f} s for {sum(line[0] != ' ' for line in out.splitlines())} files"
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        for path in folder.glob("*.toml"):
            text = path.read_text().replace("token_file", "token_fil")
            (Path(temporary) / path.name).write_text(text)
        seconds, _, errors = timed("run", "--config", temporary)
        told = errors.count("token_fil ") or errors.count("token_fil")
        verdict.line(
            f"run, all wrong      {seconds:8.1f} s for {min(told, agents)} of {agents} mistakes told"
        )


def measure(given: argparse.Namespace, verdict: Verdict) -> None:
    """Everything, in turn."""
    mycel = Mycel(given.agents, given.chats)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary, contextlib.closing(mycel):
        folder = Path(temporary)
        configure(folder, mycel.world)
        files(folder, given.agents, verdict)
        with ours(folder) as process:
            started = wait_listening(mycel, given.agents)
            use = Use.of(process.pid)
            verdict.line(
                f"start, ours         {started:8.1f} s, {use.processor:.1f} s of processor;"
                f" {use.descriptors} descriptors, {use.threads} threads"
            )
            time.sleep(given.settle)
            troubled = (folder / "log").read_text().count('"network.troubled"')
            verdict.line(f"network.troubled    {troubled:8} agents whose calls were not answered in time")
            name = min(mycel.world.tokens)
            before = calls_of(folder, name)
            rest = at_rest(process.pid, given.rest)
            calls_each = (calls_of(folder, name) - before) / given.rest
            use = Use.of(process.pid)
            verdict.line(
                f"rest, ours          {rest:8.1f} ms/s, {calls_each * given.agents:.0f} calls a second;"
                f" {use.memory / given.agents:.0f} KiB an agent, {use.threads} threads"
            )
            seconds, out, _ = timed("status", "--config", folder)
            ready = sum(" ready " in line for line in out.splitlines())
            verdict.line(f"status              {seconds:8.1f} s, {ready} of {given.agents} ready")
            if given.fair:
                fair(mycel, given.fair, given.pairs, verdict)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)
            seconds = time.monotonic() - begun
            verdict.line(f"stop                {seconds:8.1f} s", seconds, DRAIN_SECONDS + 2)
        with bare_loop(mycel.world, max(calls_each, CALLS_OF_LOOK / REST_SECONDS)) as (pid, line):
            begun = time.monotonic()
            line.poll(DEADLINE_SECONDS)
            seconds = time.monotonic() - begun
            verdict.line(f"start, bare loop    {seconds:8.1f} s, {Use.of(pid).processor:.1f} s of processor")
            verdict.line(f"start, ratio        {started / seconds:8.2f}", started / seconds, SHARES["start"])
            time.sleep(5)
            limit = at_rest(pid, given.rest)
            verdict.line(f"rest, bare loop     {limit:8.1f} ms/s, as many calls")
            verdict.line(f"rest, ratio         {rest / limit:8.2f}", rest / limit, SHARES["rest"])


def fair(mycel: Mycel, seconds: float, pairs: int, verdict: Verdict) -> None:
    """The others' delays without and with the greedy, in alternating spells: the machine has other work, too."""
    medians, p99s = list[float](), list[float]()
    for _ in range(pairs):
        quiet, busy = (
            spell(sorted(mycel.ask("talk", seconds, greedy)), greedy, verdict) for greedy in (0, GREEDY)
        )
        medians.append(busy[0] / quiet[0])
        p99s.append(busy[1] / quiet[1])
    verdict.line(
        f"answers, medians    {statistics.median(medians):8.2f} ({min(medians):.2f} to {max(medians):.2f})"
    )
    verdict.line(
        f"answers, p99        {statistics.median(p99s):8.2f} ({min(p99s):.2f} to {max(p99s):.2f})",
        statistics.median(p99s),
        SHARES["fair"],
    )


def spell(found: list[float], greedy: int, verdict: Verdict) -> tuple[float, float]:
    """Median and 99th percentile of the delays of one."""
    median, p99 = statistics.median(found), found[int(len(found) * 0.99)]
    verdict.line(
        f"answers, {greedy:2} greedy  {median * 1000:8.1f} ms median, {p99 * 1000:.1f} ms p99, {len(found)} of them"
    )
    return median, p99


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--chats", type=int, default=20)
    parser.add_argument("--settle", type=float, default=120.0)
    parser.add_argument("--rest", type=float, default=60.0)
    parser.add_argument("--fair", type=float, default=0.0)
    parser.add_argument("--pairs", type=int, default=3)
    verdict = Verdict()
    measure(parser.parse_args(), verdict)
    raise SystemExit(0 if verdict.held else 1)


if __name__ == "__main__":
    main()
