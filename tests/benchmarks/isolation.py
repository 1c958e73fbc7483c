"""
What plugins that misbehave cost the others: the delay from a message's being sent to its handler's being called.

    python -m tests.benchmarks.isolation [PAIRS [MESSAGES]]

A real daemon, watched as systemd would, against a backend in a process of its own. Undisturbed: a plugin that
answers. Disturbed: beside it those of `BAD`, each with a chat of its own in which somebody never stops talking.
The two take turns, in pairs, each time with a new identity on a new journal. With TMPDIR on a memory file system the
disk's moods, which are the same for both, stay out of the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.sdk import AsyncClient
from tests.chaos.stage import AGENT

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
BAR = 3.0
GOOD_CHATS = 10
WATCHDOG_SECONDS = 2.0
CONFIG = (
    AGENT.replace("ping_timeout = 1.0", "ping_timeout = 20.0")
    + """\
[dispatch]
handler_timeout = 5.0

[daemon]
drain_timeout = 1.0

[log]
format = "json"

[plugins.good]
path = "good.py"
"""
)
GOOD = """\
import time
from pathlib import Path
from mycel_runtime import Plugin

plugin = Plugin("good")
heard = (Path(__file__).parent / "heard").open("a", buffering=1)

@plugin.on_message(pattern="^good ")
async def answer(ctx):
    now = time.monotonic()
    for message in ctx.messages:
        heard.write(f"{message.content.removeprefix('good ')} {now}\\n")
        await ctx.reply("answered")
"""
BAD_HANDLER = """\
import asyncio, os, sys, threading, time
from mycel_runtime import Plugin

plugin = Plugin("{name}")

@plugin.on_message(pattern="^{name} ")
{body}
"""
BAD = {
    "sleeper": "async def handle(ctx):\n    await asyncio.sleep(300)",
    "napper": "def handle(ctx):\n    time.sleep(300)",
    "pooler": "async def handle(ctx):\n    await asyncio.to_thread(time.sleep, 300)",
    "spinner": "def handle(ctx):\n    while True: pass",
    "raiser": "async def handle(ctx):\n    raise ValueError",
    "leaver": "def handle(ctx):\n    sys.exit(3)",
    "quitter": "def handle(ctx):\n    os._exit(3)",
    "leaker": "async def handle(ctx):\n    threading.Thread(target=time.sleep, args=(300,)).start()",
    "stillborn": "def handle(ctx): ...\nsys.exit(3)",
    "endless": "def handle(ctx): ...\nwhile True: pass",
}
ISOLATED = frozenset({"spinner", "quitter", "stillborn", "endless"})


def serve(port):
    """A backend in a process of its own."""
    with LocalBackend() as backend:
        port.send(backend.base_url)
        threading.Event().wait()


@dataclass(kw_only=True)
class Seen:
    """What was seen of one life of the daemon."""

    delays: list[float]
    answers: int
    connections: int
    lost_connections: int
    beats: list[float]
    exit_code: int
    stop_seconds: float
    events: dict[str, int] = field(default_factory=dict)

    @property
    def longest_silence(self):
        """Seconds between two signs of life; more than `WATCHDOG_SECONDS` would have been the end."""
        return max(after - before for before, after in zip(self.beats, self.beats[1:], strict=False))


def _environment():
    """Compiled once, as an installation is: else each process of a plugin's would compile all that it imports."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class Supervisor:
    """As systemd: starts the daemon, listens to what it says of itself, stops it."""

    def __init__(self, folder):
        self._folder = folder
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(folder / "notify"))
        self._channel.settimeout(DEADLINE)
        self.beats = []
        self._ready = threading.Event()
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mycel_runtime", "run", "--config", str(folder / "agent.toml")],
                cwd=ROOT,
                env=_environment()
                | {
                    "NOTIFY_SOCKET": str(folder / "notify"),
                    "WATCHDOG_USEC": f"{WATCHDOG_SECONDS * 1e6:.0f}",
                },
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        while (said := self._channel.recv(4096)) != b"enough":
            if b"WATCHDOG=1" in said:
                self.beats.append(time.monotonic())
            if b"READY=1" in said:
                self._ready.set()

    def wait_ready(self):
        assert self._ready.wait(DEADLINE), self.log()

    def stop(self):
        """Exit code, and how long it took; -9 if it had to be killed."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        took = time.monotonic() - began
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"enough", str(self._folder / "notify"))
        self._listener.join()
        self._channel.close()
        (self._folder / "notify").unlink()
        return self.process.returncode, took

    def log(self):
        return (self._folder / "log").read_text()

    def events(self):
        """How often each fact was logged."""
        counts = {}
        for line in self.log().splitlines():
            if line.startswith("{"):
                name = json.loads(line)["event"]
                counts[name] = counts.get(name, 0) + 1
        return counts


@dataclass(kw_only=True)
class Stage:
    """One identity with its chats and a folder to live in."""

    owner: AsyncClient
    folder: Path
    good: list[str]
    bad: dict[str, str]

    async def talk_badly(self, pause):
        """In the chats of those that misbehave, for ever."""
        number = 0
        while self.bad:
            for name, chat_id in self.bad.items():
                await self.owner.messages.send(chat_id, f"{name} {number}", enforce_caught_up=False)
                await asyncio.sleep(pause)
            number += 1

    async def talk(self, label, count, pause):
        """So many messages in turn of the good chats; the delay until each was heard."""
        said = {}
        for number in range(count):
            key = f"{label}-{number}"
            said[key] = time.monotonic()
            await self.owner.messages.send(
                self.good[number % len(self.good)], f"good {key}", enforce_caught_up=False
            )
            await asyncio.sleep(max(0.0, said[key] + pause - time.monotonic()))
        heard = await until(self._heard, lambda heard: said.keys() <= heard.keys())
        return [heard[key] - at for key, at in said.items()]

    async def answers(self):
        """How many there are in the good chats."""
        histories = [await self.owner.messages.list_all(chat_id) for chat_id in self.good]
        return sum(message["content"] == "answered" for history in histories for message in history)

    async def _heard(self):
        path = self.folder / "heard"
        lines = path.read_text().splitlines() if path.exists() else []
        return {key: float(at) for key, at in map(str.split, reversed(lines))}


async def set_up(base_url, folder, bad):
    """An owner, an agent, chats and plugins; who closes the owner's client is the caller."""
    async with AsyncClient(base_url=base_url) as nobody:
        made = await nobody.auth.create_guest_owner("owner")
    owner = AsyncClient(base_url=base_url, auth_token=made["token"])
    agent = await owner.auth.create_external_user(folder.name, folder.name)
    write(folder, base_url, agent["token"], bad)

    async def chat(title):
        return (await owner.chats.create([folder.name], kind="group", title=title))["id"]

    good = [await chat(f"{number}") for number in range(GOOD_CHATS)]
    return Stage(owner=owner, folder=folder, good=good, bad={name: await chat(name) for name in bad})


def write(folder, base_url, token, bad):
    """Configuration, token and plugins."""
    folder.mkdir()
    (folder / "agent.token").touch(mode=0o600)
    (folder / "agent.token").write_text(token)
    (folder / "good.py").write_text(GOOD)
    tables = [CONFIG.format(base_url=base_url)]
    for name in bad:
        (folder / f"{name}.py").write_text(BAD_HANDLER.format(name=name, body=BAD[name]))
        isolation = "process" if name in ISOLATED else "none"
        timeout = "import_timeout = 5.0\n" if name in ISOLATED else ""
        tables.append(f'[plugins.{name}]\npath = "{name}.py"\nisolation = "{isolation}"\n{timeout}')
    (folder / "agent.toml").write_text("\n".join(tables))


async def live(base_url, folder, bad, count, *, pause=0.1, bad_pause=0.2):
    """One life of the daemon with the plugins of `bad` beside the good one."""
    stage = await set_up(base_url, folder, bad)
    async with stage.owner:
        supervisor = await asyncio.to_thread(Supervisor, folder)
        try:
            await asyncio.to_thread(supervisor.wait_ready)
            async with asyncio.TaskGroup() as tasks:
                talking = tasks.create_task(stage.talk_badly(bad_pause))
                await stage.talk("warm", 2 * GOOD_CHATS, pause)
                delays = await stage.talk("good", count, pause)
                talking.cancel()
            answers = await until(stage.answers, lambda answers: answers >= count + 2 * GOOD_CHATS)
        finally:
            exit_code, stop_seconds = await asyncio.to_thread(supervisor.stop)
    events = supervisor.events()
    return Seen(
        delays=delays,
        answers=answers,
        connections=events.get("stream.connected", 0),
        lost_connections=events.get("stream.ended", 0),
        beats=supervisor.beats,
        exit_code=exit_code,
        stop_seconds=stop_seconds,
        events=events,
    )


async def until(look, is_enough):
    """What `look` sees, once it is enough or time is up."""
    deadline = time.monotonic() + DEADLINE
    for _ in itertools.count():
        seen = await look()
        if is_enough(seen) or time.monotonic() > deadline:
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError


def report(kind, lives, expected):
    """One line of the table."""
    delays = [delay for seen in lives for delay in seen.delays]
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"{kind:<12}{len(delays):>9}{cuts[49] * 1e3:>9.1f}{cuts[98] * 1e3:>9.1f}"
        f"{sum(expected - seen.answers for seen in lives):>12}"
        f"{sum(seen.connections - 1 for seen in lives):>12}"
        f"{max(seen.longest_silence for seen in lives):>10.2f}"
        f"{max(seen.stop_seconds for seen in lives):>8.1f}"
        f"  {[seen.exit_code for seen in lives]}"
    )
    return cuts[49], cuts[98]


async def measure(base_url, folder, pairs, count, bad=tuple(BAD)):
    """The table, and the ratios."""
    lives = {"undisturbed": [], "disturbed": []}
    for number in range(pairs):
        for kind, its in lives.items():
            plugins = bad if kind == "disturbed" else ()
            its.append(await live(base_url, folder / f"{kind}-{number}", plugins, count))
    print(
        f"{'':<12}{'messages':>9}{'p50 ms':>9}{'p99 ms':>9}{'unanswered':>12}{'reconnects':>12}"
        f"{'silence s':>10}{'stop s':>8}  exit codes"
    )
    p50, p99 = zip(*(report(kind, its, count + 2 * GOOD_CHATS) for kind, its in lives.items()), strict=True)
    ratio = p99[1] / p99[0]
    print(
        f"p50 x {p50[1] / p50[0]:.2f}, p99 x {ratio:.2f} (bar {BAR}): {'held' if ratio <= BAR else 'MISSED'};"
        f" the watchdog allows {WATCHDOG_SECONDS} s of silence"
    )
    print("disturbed, what was told:", lives["disturbed"][-1].events)


@contextlib.contextmanager
def backend():
    """Where it is."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
        theirs.close()


def main():
    pairs, count = map(int, [*sys.argv[1:3], *("4", "300")[len(sys.argv) - 1 :]])
    with backend() as base_url, tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(base_url, Path(folder), pairs, count))


if __name__ == "__main__":
    main()
