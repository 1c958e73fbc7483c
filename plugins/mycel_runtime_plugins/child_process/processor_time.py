"""How much a program has worked, with all that it has started: what tells silent work from waiting."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_PARENT: Final = 1
"""Place of the parent in `/proc/PID/stat`, behind the name. Source: proc_pid_stat(5)."""

_TIMES: Final = slice(11, 15)
"""Likewise of utime, stime, cutime and cstime."""


def processor_seconds(ancestor: int) -> float:
    """
    Processor time of one process and all below it, those that have ended and were waited for included. Reads `/proc`.

    Args:
        ancestor: Process id.

    Returns:
        Seconds; 0 where the system shows none. It may shrink when a process ends that nobody waits for.
    """
    parents, ticks = _processes()
    found, place = [ancestor], 0
    while place < len(found):
        found += [pid for pid, parent in parents.items() if parent == found[place]]
        place += 1
    return sum(ticks.get(pid, 0) for pid in found) / os.sysconf("SC_CLK_TCK")


def _processes() -> tuple[dict[int, int], dict[int, int]]:
    """Of each process its parent, and its time in ticks."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything.
            fields = stat.read_bytes().rpartition(b")")[2].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[_PARENT])
            ticks[pid] = sum(map(int, fields[_TIMES]))
    return parents, ticks
