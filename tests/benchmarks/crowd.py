"""
What each further agent of a process costs: memory, threads, descriptors, and processor time while nobody speaks.

    python -m tests.benchmarks.crowd [OTHER ...] [--agents 50] [--rounds 3] [--idle 60]

Each round, in each checkout: one process with one agent and one with all of them, each a `mycel-runtime run` of the
bundled `echo`, against one local Mycel in a process of its own. Each agent answers one message, then nobody speaks:
what the processes use is looked at after `--idle` seconds, and once more after as many. OTHER is a further checkout
with an environment of its own in `.venv`; whole rounds take turns. Printed: medians, and least and greatest; what an
agent costs is what the crowd's process uses beyond the other one's, by the number of agents that it has beyond one.
Memory is what the process alone would give back (private pages). Exit status 1 if ours costs more than the bars of
OTHER.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mycel_runtime.backend.server import LocalBackend
from mycel_runtime.sdk import Client

ROOT: Final = Path(__file__).parents[2]
DEADLINE_SECONDS: Final = 180.0
BARS: Final = {
    "memory of an agent, KiB": 0.25,
    "processor at first, ms/s": 0.35,
    "processor later, ms/s": 0.35,
}
"""Ours of OTHER's, at most. The first is of an agent beyond the first, the others are of the whole crowd."""


@dataclass(frozen=True)
class Use:
    """
    What a process uses at an instant.

    Attributes:
        memory: KiB of private pages.
        processor: Seconds since it began.
    """

    memory: int
    threads: int
    descriptors: int
    processor: float

    @classmethod
    def of(cls, pid: int) -> Use:
        """As the kernel tells it."""
        process = Path("/proc") / str(pid)
        rollup = (process / "smaps_rollup").read_text()
        ticks = (process / "stat").read_text().rpartition(")")[2].split()
        return cls(
            memory=sum(map(int, re.findall(r"(?m)^Private_(?:Clean|Dirty): +(\d+) kB", rollup))),
            threads=len([*(process / "task").iterdir()]),
            descriptors=len([*(process / "fd").iterdir()]),
            processor=(int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"),
        )


def serve(port):
    """A backend in a process of its own."""
    with LocalBackend() as backend:
        port.send(backend.base_url)
        threading.Event().wait()


@contextlib.contextmanager
def backend():
    """Its address."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=serve, args=(its,), daemon=True)
    process.start()
    try:
        if not ours.poll(DEADLINE_SECONDS):
            raise SystemExit("the backend did not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join(10)


def configure(folder: Path, base_url: str, owner: Client, number: int) -> str:
    """Write an agent's files; returns the chat in which the owner speaks with it."""
    made = owner.auth.create_external_user(f"crowd-{folder.name}-{number}", f"Agent {number}")
    token = folder / f"{number}.token"
    token.write_text(made["token"])
    token.chmod(0o600)
    (folder / f"{number}.toml").write_text(
        f'[agent]\nname = "a{number}"\nbase_url = "{base_url}"\ntoken_file = "{number}.token"\n'
        f'state_dir = "state/{number}"\n\n[plugins.echo]\n'
    )
    return owner.chats.ensure_direct(made["user"]["id"])["id"]


def wait_for_answers(owner: Client, chats: list[str]) -> None:
    """Until each chat has two messages."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    waiting = list(chats)
    while waiting:
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(waiting)} of {len(chats)} agents did not answer")
        waiting = [chat for chat in waiting if len(owner.messages.list(chat)) < 2]
        time.sleep(0.1)


@contextlib.contextmanager
def running(checkout: Path, folder: Path):
    """The process of all agents of a folder; its pid."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [checkout / ".venv" / "bin" / "mycel-runtime", "run", "--config", folder],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def uses(checkout: Path, agents: int, idle: float) -> list[Use]:
    """After the first answer, after `idle` seconds, and after as many again."""
    with backend() as base_url, tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        folder = Path(temporary)
        with Client(base_url=base_url) as nobody:
            token = nobody.auth.create_guest_owner("owner")["token"]
        with Client(base_url=base_url, auth_token=token) as owner:
            chats = [configure(folder, base_url, owner, number) for number in range(agents)]
            with running(checkout, folder) as pid:
                for chat in chats:
                    owner.messages.send(chat, "hello", enforce_caught_up=False)
                wait_for_answers(owner, chats)
                looks = [Use.of(pid)]
                for _ in range(2):
                    time.sleep(idle)
                    looks.append(Use.of(pid))
                return looks


def figures(checkout: Path, agents: int, idle: float) -> dict[str, float]:
    """By name, as they are printed."""
    one, crowd = uses(checkout, 1, idle), uses(checkout, agents, idle)
    others = agents - 1
    return {
        "memory of one process, MiB": one[1].memory / 1024,
        "memory of an agent, KiB": (crowd[1].memory - one[1].memory) / others,
        "threads of an agent": (crowd[1].threads - one[1].threads) / others,
        "descriptors of an agent": (crowd[1].descriptors - one[1].descriptors) / others,
        "processor at first, ms/s": (crowd[1].processor - crowd[0].processor) / idle * 1000,
        "processor later, ms/s": (crowd[2].processor - crowd[1].processor) / idle * 1000,
    }


def spread(values: list[float]) -> str:
    """Median, least and greatest."""
    return f"{statistics.median(values):9.2f} ({min(values):.2f} to {max(values):.2f})"


def compare(seen: dict[Path, dict[str, list[float]]]) -> bool:
    """Print the tables; whether ours is within the bars."""
    held = True
    for checkout, rows in seen.items():
        print("ours" if checkout == ROOT else f"other, {checkout.name}")
        for name, values in rows.items():
            line = f"  {name:<28} {spread(values)}"
            if checkout != ROOT:
                ratios = [our / its for our, its in zip(seen[ROOT][name], values, strict=True) if its > 0]
                line += f"; ours {spread(ratios).strip()} of it" if ratios else ""
                if ratios and name in BARS:
                    within = statistics.median(ratios) <= BARS[name]
                    held = held and within
                    line += f", bar {BARS[name]}: {'held' if within else 'missed'}"
            print(line)
    return held


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", nargs="*", type=Path)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=60.0)
    given = parser.parse_args()
    checkouts = [ROOT, *(other.resolve() for other in given.other)]
    seen: dict[Path, dict[str, list[float]]] = {checkout: defaultdict(list) for checkout in checkouts}
    for number in range(given.rounds):
        for checkout in checkouts if number % 2 == 0 else reversed(checkouts):
            for name, figure in figures(checkout, given.agents, given.idle).items():
                seen[checkout][name].append(figure)
    raise SystemExit(0 if compare(seen) else 1)


if __name__ == "__main__":
    main()
