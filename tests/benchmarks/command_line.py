"""
How long `mycel-runtime --help` takes, beside `python -c "import click"`, the least that it could take.

    python -m tests.benchmarks.command_line

Whole processes, alternating, with compiled bytecode; medians and their ratio.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 25
OURS = [str(Path(sys.executable).parent / "mycel-runtime"), "--help"]
LIMIT = [sys.executable, "-c", "import click"]


def seconds(command: list[str]) -> float:
    """
    Wall time of a process.

    Its end is told by that of its output: `subprocess` looks for a process that it waits for with a deadline only
    every 50 ms, so that 113 ms and 117 ms would be 115 and 165.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=30, env=environment)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    seconds(OURS)
    seconds(LIMIT)
    pairs = [(seconds(OURS), seconds(LIMIT)) for _ in range(ROUNDS)]
    ours, limit = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"mycel-runtime --help      {ours * 1000:7.1f} ms (median of {ROUNDS})")
    print(f"python -c 'import click'  {limit * 1000:7.1f} ms")
    print(f"ratio                     {ours / limit:7.2f}")


if __name__ == "__main__":
    main()
