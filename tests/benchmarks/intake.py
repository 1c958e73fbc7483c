"""
Journalled frames per second: ours against a bare loop of `websockets` and `json.loads`, and the genuine `cel`.

    python -m tests.benchmarks.intake [ROUNDS] [--rows N] [--without-peer]

All get the same frames, hints of messages in 50 chats, from one backend in a process of its own, at full speed. Ours:
decoded, told from replays, routed to a handler and committed with the checkpoint; counted then, and on the disk a
tenth of a second later. Bare and ours take turns, in a process that looks for garbage as rarely as the daemon. Then
one journal is filled with N frames (1,000,000) in a single burst, in which the resident memory is watched, and takes
turns with one that holds 1,000.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import websockets
from pydantic import SecretStr

from mycel_runtime.backend.server import BackendOptions, LocalBackend
from mycel_runtime.daemon import garbage
from mycel_runtime.daemon.assembly import AgentAssembly
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Observer
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.sdk import AsyncClient
from mycel_runtime.sdk.stream import stream_url
from mycel_runtime.settings import Settings
from tests.benchmarks.watching import Unwatched
from tests.contract.genuine.cel import cel, wait_until

CHATS = 50
FRAMES = 50_000
PEER_FRAMES = 1_000
FEW_ROWS = 1_000
BAR_OF_BARE = 0.55
BAR_OF_PEER = 60
BAR_OF_FEW_ROWS = 0.9
BAR_MEBIBYTES = 64
DEADLINE_SECONDS = 600
PEER = Path(".venv/peers/sdk-0.1.83/bin/python")


def serve(pipe):
    """A backend in a process of its own, which blasts when it is told to."""
    with LocalBackend(BackendOptions()) as backend:
        pipe.send(backend.base_url)
        while True:
            backend.faults.blast(**pipe.recv())


async def register(base_url, names):
    """Tokens by name."""
    async with AsyncClient(base_url=base_url) as nobody:
        made = await nobody.auth.create_guest_owner("owner")
    async with AsyncClient(base_url=base_url, auth_token=made["token"]) as owner:
        return {name: (await owner.auth.create_external_user(name, name))["token"] for name in names}


class Bare:
    """Receives and parses; from the first frame to the last."""

    def __init__(self, base_url, token, pipe):
        self._url = stream_url(base_url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pipe = pipe

    async def round(self, frames):
        async with websockets.connect(
            self._url, additional_headers=self._headers, compression=None
        ) as socket:
            await socket.send(json.dumps({"type": "resume", "since_seq": 0}))
            await asyncio.sleep(0.2)
            self._pipe.send({"frames": frames, "user_id": "bare", "chats": CHATS})
            json.loads(await socket.recv())
            began = time.perf_counter()
            for _ in range(frames - 1):
                json.loads(await socket.recv())
            return (frames - 1) / (time.perf_counter() - began)


class Ours(Observer):
    """A runtime that listens and dispatches nothing; from the first commit to the last."""

    def __init__(self, name, pipe):
        self.name = name
        self._pipe = pipe
        self._progress = asyncio.Event()
        self._seq = 0
        self._committed = 0

    def tell(self, fact):
        match fact.name:
            case "frames.committed":
                self._seq, self._committed = fact.since_seq, self._committed + fact.new
                self._progress.set()
            case "reconcile.finished" | "stream.connected":
                self._progress.set()
            case "frames.rejected" | "epoch.changed" | "frames.given_up" | "stream.ended":
                raise AssertionError(fact)

    async def round(self, frames, *, chats=CHATS, payload=0):
        self._pipe.send({"frames": frames, "user_id": self.name, "chats": chats, "payload": payload})
        goal, began = self._committed + frames, None
        while self._committed < goal:
            self._progress.clear()
            await self._progress.wait()
            if began is None:
                began, first = time.perf_counter(), self._committed
        return (goal - first) / (time.perf_counter() - began)

    @contextlib.asynccontextmanager
    async def listening(self, base_url, token, folder, watch=None):
        folder.mkdir()
        watched = watch or Unwatched()
        journal = SqliteJournal(folder, on_commit=watched.durations.committed)
        journal.open()
        plugin = Plugin("p")
        plugin.on_message(answer)
        async with AsyncClient(base_url=base_url, auth_token=token) as sdk, asyncio.TaskGroup() as tasks:
            parts = await AgentAssembly(
                settings=Settings(file={"agent": {"name": "a", "base_url": base_url}}, overrides={}),
                me=self.name,
                base_url=base_url,
                token=SecretStr(token),
                journal=journal,
                sdk=sdk,
                handlers=[BoundHandler(handler=handler, settings=None) for handler in plugin.handlers],
                observer=watched.observer(self),
                durations=watched.durations,
            ).parts()
            listening = tasks.create_task(parts.listener.run(), name="listener")
            while parts.reconciler.succeeded_at is None:
                self._progress.clear()
                await self._progress.wait()
            yield
            listening.cancel()
        await journal.close()


async def answer(ctx):
    """Never called: nothing is dispatched."""
    raise AssertionError(ctx)


class ResidentMemory:
    """Mebibytes that this process uses more than when it was made, at most."""

    def __init__(self):
        self._before = self._most = self._now()

    @staticmethod
    def _now():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def watch(self):
        while True:
            self._most = max(self._most, self._now())
            await asyncio.sleep(0.02)

    @property
    def growth(self):
        return self._most - self._before


async def speed(base_url, tokens, pipe, folder, rounds):
    """Rates of bare and ours, in turns."""
    rates = {"bare": [], "ours": []}
    bare, ours = Bare(base_url, tokens["bare"], pipe), Ours("ours", pipe)
    async with ours.listening(base_url, tokens["ours"], folder / "ours"):
        await ours.round(FRAMES)
        for _ in range(rounds):
            rates["bare"].append(await bare.round(FRAMES))
            rates["ours"].append(await ours.round(FRAMES))
    return {name: statistics.median(found) for name, found in rates.items()}


def names_of_few(rounds):
    """One each round: a journal stays small only once."""
    return [f"few-{number}" for number in range(rounds)]


async def size(base_url, tokens, pipe, folder, rounds, rows):
    """Rates with few rows and with many, in turns, and how much memory the burst took that made them many."""
    many = Ours("many", pipe)
    rates = {"few": [], "many": []}
    async with many.listening(base_url, tokens["many"], folder / "many"):
        await many.round(FRAMES)
        memory = ResidentMemory()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(memory.watch(), name="resident-memory")
            await many.round(rows, chats=0, payload=200)
            watching.cancel()
        for name in names_of_few(rounds):
            few = Ours(name, pipe)
            async with few.listening(base_url, tokens[name], folder / name):
                await few.round(FEW_ROWS)
                rates["few"].append(await few.round(FRAMES))
            rates["many"].append(await many.round(FRAMES))
    return {name: statistics.median(found) for name, found in rates.items()}, memory.growth


def peer(base_url, pipe, folder):
    """The genuine subscriber's rate, from the first line that it has written to the last."""
    with cel(PEER.absolute(), folder / "peer") as person:
        person.json("self", "connect", base_url)
        person.json("login", "--guest", "--name", "Ada")
        person.json("agent", "external", "create", "peer", "--name", "Peer")
        person("self", "start")
        written = person.state / "inbox" / "peer.jsonl"

        def lines():
            return written.read_bytes().count(b"\n") if written.exists() else 0

        # Nobody tells when it has subscribed: what is sent before that is lost.
        wait_until(lambda: pipe.send({"frames": 1, "user_id": "peer", "chats": CHATS}) or lines())
        before = lines()
        pipe.send({"frames": PEER_FRAMES, "user_id": "peer", "chats": CHATS})
        wait_until(lambda: lines() > before)
        began, first = time.perf_counter(), lines()
        wait_until(lambda: lines() >= before + PEER_FRAMES)
        return (before + PEER_FRAMES - first) / (time.perf_counter() - began)


def tell(what, ratio, bar, *, most=False):
    held = ratio <= bar if most else ratio >= bar
    print(f"{what}: {ratio:.2f} (bar {bar}): {'held' if held else 'MISSED'}", flush=True)


def report(rates, sizes, growth, genuine, rows):
    print(f"bare {rates['bare']:8,.0f} frames/s\nours {rates['ours']:8,.0f} journalled frames/s")
    tell("of the bare loop", rates["ours"] / rates["bare"], BAR_OF_BARE)
    if genuine is not None:
        print(f"peer {genuine:8,.0f} frames/s")
        tell("times the genuine subscriber", rates["ours"] / genuine, BAR_OF_PEER)
    print(f"few  {sizes['few']:8,.0f} ({FEW_ROWS:,} rows)\nmany {sizes['many']:8,.0f} ({rows:,} rows)")
    tell("of the speed with few rows", sizes["many"] / sizes["few"], BAR_OF_FEW_ROWS)
    tell(f"MiB more in a burst of {rows:,}", growth, BAR_MEBIBYTES, most=True)


async def measure(base_url, pipe, folder, rounds, rows):
    tokens = await register(base_url, ["bare", "ours", "many", *names_of_few(rounds)])
    async with asyncio.timeout(DEADLINE_SECONDS):
        rates = await speed(base_url, tokens, pipe, folder, rounds)
        sizes, growth = await size(base_url, tokens, pipe, folder, rounds, rows)
    return rates, sizes, growth


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--without-peer", action="store_true")
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    backend = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    backend.start()
    base_url = ours.recv()
    garbage.look_rarely()
    garbage.leave_out_what_stays()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            genuine = None if arguments.without_peer else peer(base_url, ours, folder)
            found = asyncio.run(measure(base_url, ours, folder, arguments.rounds, arguments.rows))
            report(*found, genuine, arguments.rows)
    finally:
        backend.kill()
        backend.join()


if __name__ == "__main__":
    sys.exit(main())
