"""What a process uses at an instant, as the kernel and its control socket tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import httpx

MEBIBYTE = 1 << 20

_MORE = re.compile(r" and (\d+) more: ")


@dataclass(frozen=True)
class Sample:
    """
    One look.

    Attributes:
        at: Seconds since the beginning.
        rss, pss: MiB.
        journal: MiB, the file and its log.
    """

    at: float
    rss: float
    pss: float
    tasks: int
    threads: int
    descriptors: int
    journal: float


def take(pid, state_dir, *, at):
    """
    Look at a daemon.

    Args:
        pid: Its process.
        state_dir: Where its socket and its journal are.
        at: Seconds since the beginning.
    """
    process = Path("/proc") / str(pid)
    memory = dict(re.findall(r"(?m)^(Rss|Pss): +(\d+) kB", (process / "smaps_rollup").read_text()))
    threads = re.search(r"(?m)^Threads:\s+(\d+)", (process / "status").read_text())
    # Before it is asked, or its own answer would count.
    descriptors = len([*(process / "fd").iterdir()])
    return Sample(
        at=at,
        rss=int(memory["Rss"]) / 1024,
        pss=int(memory["Pss"]) / 1024,
        tasks=_tasks(state_dir),
        threads=int(threads[1]),
        descriptors=descriptors,
        journal=sum(file.stat().st_size for file in state_dir.glob("journal.sqlite3*")) / MEBIBYTE,
    )


def _tasks(state_dir):
    """As many as `GET /dump` tells of."""
    transport = httpx.HTTPTransport(uds=str(state_dir / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://control", timeout=30) as client:
        text = client.get("/dump").raise_for_status().text
    return sum(map(_count, re.findall(r"(?m)^task (.*)$", text)))


def _count(line):
    more = _MORE.search(line)
    names = line[: more.start()] if more else line.rpartition(": ")[0]
    return len(names.split(", ")) + (int(more[1]) if more else 0)
