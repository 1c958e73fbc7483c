"""
Processor instructions per reply, here and in another checkout: the same whatever else the machine does.

    python -m tests.benchmarks.instructions OTHER [--only ours kept ...] [--rounds 3]

Needs valgrind (Debian's package of that name), which counts; two to four minutes. Both checkouts run their own
`replies` against a backend of this checkout, with ten chats; counted is what the process executes while a round of
theirs is answered, without the client that asks. Instructions are no seconds: what waits, for a disk or a lock, and
what misses the cache is not seen. `pairs` measures that, and needs a quiet machine. A look for garbage that falls
into a round counts too: a tenth more or less, for a build that looks often.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CHATS: Final = 10
WARM_ROUNDS: Final = 2
"""Which open connections, fill caches and import what is imported late."""
BAR: Final = 0.95
DEADLINE_SECONDS: Final = 900.0


def count(url, rounds, names):
    """In the process that valgrind watches: answer, and have only that counted."""
    from tests.benchmarks import replies  # noqa: PLC0415 - of the checkout that is measured

    replies.CHATS = CHATS
    with contextlib.suppress(ImportError):
        from mycel_runtime.daemon import garbage  # noqa: PLC0415 - an earlier build has none

        garbage.look_rarely()
        garbage.leave_out_what_stays()
    answer, done = replies.Ours.round, 0

    async def counted(self, chats):
        nonlocal done
        done += 1
        with switched_on() if done > WARM_ROUNDS else contextlib.nullcontext():
            return await answer(self, chats)

    replies.Ours.round = counted
    selected = (names,) if "names" in inspect.signature(replies.measure).parameters else ()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(replies.measure(url, Path(folder), WARM_ROUNDS + rounds - 1, *selected))


@contextlib.contextmanager
def switched_on():
    """Count within."""
    switch("on")
    try:
        yield
    finally:
        switch("off")


def switch(state):
    """Tell valgrind; the process stands still meanwhile."""
    subprocess.run(
        ["callgrind_control", "-i", state, str(os.getpid())], check=True, stdout=subprocess.DEVNULL
    )


def per_reply(checkout, rounds, name):
    """Instructions, in millions."""
    from mycel_runtime.backend.server import LocalBackend  # noqa: PLC0415 - not in the process that is counted

    with LocalBackend() as backend, tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--instr-atstart=no"),
                f"--callgrind-out-file={folder}/counts",
                *(checkout / ".venv" / "bin" / "python", __file__, ".", "--count", backend.base_url),
                *("--rounds", str(rounds), "--only", name),
            ],
            cwd=checkout,
            # The same order of sets and dicts in all runs.
            env=os.environ | {"PYTHONPATH": f"{checkout}:{checkout / 'plugins'}", "PYTHONHASHSEED": "0"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )
    if ended.returncode or not (found := re.search(r"Collected : (\d+)", ended.stderr)):
        raise SystemExit(f"nothing was counted in {checkout}:\n{ended.stderr[-2000:]}")
    return int(found[1]) / rounds / CHATS / 1e6


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--only", nargs="+", default=["ours"], help="contestants of `replies`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.count:
        count(arguments.count, arguments.rounds, arguments.only)
        return
    sys.exit(not compare(arguments.other.resolve(), arguments.only, arguments.rounds))


def compare(other, names, rounds):
    """Print millions of instructions per reply, of the other checkout first; whether ours hold the bar."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: apt-get install valgrind")
    theirs = per_reply(other, rounds, "ours")
    print(f"{'other, ours':<14}{theirs:8.2f} million instructions per reply", flush=True)
    ratios = []
    for name in names:
        here = per_reply(ROOT, rounds, name)
        ratios.append(theirs / here)
        told = f"{ratios[-1]:.2f} of the other's speed (bar {BAR})"
        print(f"{'here, ' + name:<14}{here:8.2f}, {told}", flush=True)
    return min(ratios) >= BAR


if __name__ == "__main__":
    main()
