"""
How long `mycel-runtime run` takes until it is READY, and what its process uses, in pairs with another checkout.

    python -m tests.benchmarks.start OTHER [--pairs 7] [--idle 10]

Each pair, in each checkout: a process with one agent, the bundled `echo`, against one local Mycel in a process of its
own. Counted are seconds and processor seconds from its start to `READY=1`, as a supervisor hears it; then it answers
one message, and `--idle` seconds later its memory is looked at: what it alone would give back (private pages). OTHER
is a second checkout with an environment of its own in `.venv`; whole processes take turns, with compiled bytecode,
after one of each that does not count. Printed: medians, least and greatest, of the figures and of the pairs' ratios.
Exit status 1 if a median ratio is over its bar.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from mycel_runtime.sdk import Client
from tests.benchmarks.crowd import Use, backend, configure, spread, wait_for_answers

ROOT: Final = Path(__file__).parents[2]
DEADLINE_SECONDS: Final = 60.0
BARS: Final = {"until READY, s": 0.85, "processor until READY, s": 0.85, "memory, MiB": 0.85}
"""Ours of OTHER's, at most."""


@contextlib.contextmanager
def started(checkout: Path, folder: Path):
    """A process that is READY: its pid, seconds, processor seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(folder / "notify"))
        supervisor.settimeout(DEADLINE_SECONDS)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        with (folder / "output").open("wb") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(
                [checkout / ".venv" / "bin" / "mycel-runtime", "run", "--config", folder / "0.toml"],
                cwd=folder,
                env=environment | {"NOTIFY_SOCKET": str(folder / "notify")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            while "READY=1" not in supervisor.recv(4096).decode().splitlines():
                pass
            yield process.pid, time.perf_counter() - begun, processor_seconds(process.pid)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def processor_seconds(pid: int) -> float:
    """Of all threads that live, as the scheduler counts them: finer than the hundredths of `stat`."""
    threads = (Path("/proc") / str(pid) / "task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def figures(checkout: Path, base_url: str, owner: Client, idle: float) -> dict[str, float]:
    """Of one process, by name, as they are printed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        folder = Path(temporary)
        chat = configure(folder, base_url, owner, 0)
        with started(checkout, folder) as (pid, seconds, processor):
            owner.messages.send(chat, "hello", enforce_caught_up=False)
            wait_for_answers(owner, [chat])
            time.sleep(idle)
            return {
                "until READY, s": seconds,
                "processor until READY, s": processor,
                "memory, MiB": Use.of(pid).memory / 1024,
            }


def compare(rows: list[tuple[dict[str, float], dict[str, float]]]) -> bool:
    """Print the table; whether ours is within the bars."""
    columns = defaultdict(list)
    for ours, others in rows:
        for name in ours:
            columns[name].append((ours[name], others[name]))
    held = True
    for name, pairs in columns.items():
        ratios = [our / other for our, other in pairs]
        within = statistics.median(ratios) <= BARS[name]
        held = held and within
        ours, others = (spread(list(column)).strip() for column in zip(*pairs, strict=True))
        print(f"{name:<26} ours {ours}, other {others}")
        print(f"{'':<26} ratio {spread(ratios).strip()}, bar {BARS[name]}: {'held' if within else 'missed'}")
    return held


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--idle", type=float, default=10.0)
    given = parser.parse_args()
    other, rows = given.other.resolve(), []
    with backend() as base_url:
        with Client(base_url=base_url) as nobody:
            token = nobody.auth.create_guest_owner("owner")["token"]
        with Client(base_url=base_url, auth_token=token) as owner:
            for number in range(-1, given.pairs):
                order = (ROOT, other) if number % 2 else (other, ROOT)
                seen = {checkout: figures(checkout, base_url, owner, given.idle) for checkout in order}
                if number >= 0:
                    rows.append((seen[ROOT], seen[other]))
    raise SystemExit(0 if compare(rows) else 1)


if __name__ == "__main__":
    main()
