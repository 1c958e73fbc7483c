"""
A road that breaks, loses, swallows and moves, between two hosts of this machine's kernel.

    python -m tests.road.namespaces [NAME ...]

Needs root, and the packages iproute2 and iptables; where namespaces cannot be made it says so and ends with 75. The
scenes run side by side, each on hosts of its own, and end after four minutes. Prints a row each; exit status 1 if
something does not hold.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.road.namespaces.network import Network, missing
from tests.road.namespaces.scenes import SCENES, play
from tests.road.namespaces.stage import ROOT, Stage

SCENE_SECONDS = 600.0
EXIT_CANNOT = 75
HEADER = (
    f"{'':<15}{'trouble s':>10}{'said':>6}{'once':>6}{'twice':>6}{'never':>6}{'first call s':>14}"
    f"{'all answered s':>16}{'ready after s':>15}  cause named (after s)"
)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.road.namespaces", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENES))
    parser.add_argument("--here", choices=SCENES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - SCENES.keys():
        parser.error(f"no such scene: {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}")
    # The end by a signal is an end too: what was made is taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if arguments.here:
        return run_here(arguments.here)
    if reason := missing():
        print(f"Namespaces cannot be made here: {reason}", file=sys.stderr)
        return EXIT_CANNOT
    print(HEADER)
    with ThreadPoolExecutor(len(SCENES)) as side_by_side:
        return max(side_by_side.map(run_apart, arguments.names or SCENES))


def run_apart(name):
    """A scene in a process of its own, because the process is moved to another host; its exit status."""
    command = [sys.executable, "-m", "tests.road.namespaces", "--here", name]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=SCENE_SECONDS, check=False
    )
    print(done.stdout, end="", flush=True)
    return done.returncode


def run_here(name):
    """A scene in this process; its exit status."""
    with tempfile.TemporaryDirectory() as folder, Network() as network, Stage(network, Path(folder)) as stage:
        row = play(name, stage)
        if row.problems:
            print(stage.log("daemon"), file=sys.stderr)
    print(shown(row))
    for problem in row.problems:
        print(f"    MISSED: {problem}")
    return bool(row.problems)


def shown(row):
    """A line of the table."""
    causes = ", ".join(f"{word} ({after:.1f})" for word, after in row.causes.items()) or "-"
    return (
        f"{row.name:<15}{row.seconds:>10.1f}{row.said:>6}{row.once:>6}{row.twice:>6}{row.never:>6}"
        f"{_seconds(row.first_call):>14}{_seconds(row.answered):>16}{_seconds(row.ready):>15}  {causes}"
    )


def _seconds(value):
    return "never" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
