"""
What the failing of one agent costs the others of its process: nothing that can be told from noise.

    python -W error -m tests.integration.isolation_of_agents [FAULT ...] [--agents 51] [--pairs 3] [--seconds 8]
        [--rate 20]

One `mycel-runtime run` of so many agents: one of them fails, in each way of `faults.py` in turn, beside others with
whom people talk all the time; these have a backend of their own, so that his may fail, too. Each pair is a quiet
phase and one with the fault, in both of which somebody talks with the failing one as well; for each a new agent joins
the process, and leaves it. Printed are, by the clock of the backend that stores questions and answers: median and
99th percentile of the others' answer times before and during the fault, in the middle pair, the ratio with its
spread, the longest answer during it, and what was lost or answered twice. Exit status 1 if that is anything, or if
a ratio is above its bar in `answer_times.py`. What this machine cannot bring about is said, and counts as nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.integration.isolation_of_agents.answer_times import HEADING, Row
from tests.integration.isolation_of_agents.faults import FAULTS
from tests.integration.isolation_of_agents.stage import NotHereError, stage


def row_of(fault, here, *, pairs, seconds):
    """One fault of one agent after the other."""
    found = []
    for _ in range(pairs):
        with here.victim(has_small_disk=fault.has_small_disk) as victim:
            before = here.converse(seconds, victim)
            with fault.of(here, victim):
                found.append((before, here.converse(seconds, victim)))
    return Row(fault.name, tuple(found))


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = {fault.name: fault for fault in FAULTS}
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="by default all: " + ", ".join(names))
    parser.add_argument("--agents", type=int, default=51)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rate", type=float, default=20.0)
    given = parser.parse_args()
    wrongs = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        stage(Path(folder), neighbours=given.agents - 1, rate=given.rate) as here,
    ):
        print(HEADING, flush=True)
        for name in given.faults or names:
            try:
                row = row_of(names[name], here, pairs=given.pairs, seconds=given.seconds)
            except NotHereError as exc:
                print(f"{name:<26}LEFT OUT: {exc}", flush=True)
                continue
            print(row.line(), flush=True)
            wrongs.extend(row.wrongs())
        code = here.process.poll()
        if code is not None:
            wrongs.append(f"the process has ended: {code}")
    print("\n".join(wrongs) or "the others were as well as before")
    return bool(wrongs)


if __name__ == "__main__":
    sys.exit(main())
