"""
This checkout against another one: the same benchmark in both, in turns, and the ratio of each pair.

    python -m tests.benchmarks.pairs OTHER [--only BENCHMARK ...] [--pairs 7]

Seven pairs of all take between twenty and twenty-five minutes on two quiet cores.

OTHER is a second checkout with an environment of its own in `.venv` (`git worktree add`, then `make .venv/installed`
there). Whole processes take turns, so that the machine's moods meet both. Printed for each figure of ours: the median
of both, and the median, least and greatest of the pairs' ratios, better above 1 whatever the figure's direction. Exit
status 1 if a median ratio is below the bar.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BAR: Final = 0.95
DEADLINE_SECONDS: Final = 900.0


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """
    How a benchmark is run, in short, and where its output tells our figures.

    Attributes:
        command: Module and arguments.
        here: Further arguments that the other checkout may not know, so that both do the same.
        figure: A line with one of our figures, as groups `name` and `figure`.
        heading: A line that goes before the names below it.
        is_rate: Whether more is better.
    """

    command: tuple[str, ...]
    figure: str
    here: tuple[str, ...] = ()
    heading: str = r"(?!)"
    is_rate: bool = True

    def figures(self, output: str) -> dict[str, float]:
        """Ours, by name."""
        heading, found = "", {}
        for line in output.splitlines():
            if match := re.match(self.heading, line):
                heading = match[1] + ", "
            elif match := re.match(self.figure, line):
                found[heading + match["name"]] = float(match["figure"].replace(",", ""))
        return found


BENCHMARKS: Final = {
    "sdk": Benchmark(
        command=("sdk", "--rounds", "1", "--seconds", "1.0"),
        figure=r"  (?P<name>(sync|async 50), ours) +(?P<figure>[\d.]+)",
        heading=r"(plain|TLS):",
    ),
    "intake": Benchmark(
        # A round is 50,000 frames; most of the rest is for figures that are not compared here.
        command=("intake", "1", "--rows", "1000", "--without-peer"),
        figure=r"(?P<name>ours) +(?P<figure>[\d,]+)",
    ),
    "replies": Benchmark(
        command=("replies", "4"),
        here=("--only", "bare", "client", "ours"),
        figure=r"(?P<name>ours) +(?P<figure>[\d,]+)",
    ),
    "isolation": Benchmark(
        command=("isolation", "1", "100"),
        figure=r"(?P<name>undisturbed|disturbed) +\d+ +(?P<figure>[\d.]+)",
        is_rate=False,
    ),
    "command_line": Benchmark(
        command=("command_line",), figure=r"(?P<name>mycel-runtime --help) +(?P<figure>[\d.]+)", is_rate=False
    ),
}


def run(checkout: Path, benchmark: Benchmark) -> dict[str, float]:
    """
    Its figures there; a benchmark's own bars are no matter here, so its exit status is not.

    With compiled bytecode, as what is installed has it: else each process that a benchmark starts compiles anew.
    """
    module, *arguments = benchmark.command + (benchmark.here if checkout == ROOT else ())
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(
        [checkout / ".venv" / "bin" / "python", "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    if not (found := benchmark.figures(ended.stdout)):
        raise SystemExit(f"no figure in what {module} printed in {checkout}:\n{ended.stdout}")
    return found


def compare(other: Path, name: str, pairs: int) -> list[str]:
    """Print the table of one benchmark, and say which figures are below the bar."""
    benchmark, seen = BENCHMARKS[name], defaultdict(list)
    for number in range(pairs):
        order = (ROOT, other) if number % 2 else (other, ROOT)
        found = {checkout: run(checkout, benchmark) for checkout in order}
        for figure in found[ROOT].keys() & found[other].keys():
            seen[figure].append((found[ROOT][figure], found[other][figure]))
    missed = []
    for figure, rows in sorted(seen.items()):
        ratios = [ours / theirs if benchmark.is_rate else theirs / ours for ours, theirs in rows]
        ours, theirs = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(ratios)
        print(
            f"{name:<13}{figure:<24}{ours:>11,.1f}{theirs:>11,.1f}"
            f"{ratio:>8.2f}  ({min(ratios):.2f} to {max(ratios):.2f}, {len(rows)} pairs)",
            flush=True,
        )
        if ratio < BAR:
            missed.append(f"{name}, {figure}: {ratio:.2f} is below {BAR}")
    return missed


def main() -> None:
    """Compare, and end with 1 if something is slower."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS)
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{'':<37}{'here':>11}{'other':>11}{'ratio':>8}")
    missed = [
        each for name in arguments.only for each in compare(arguments.other.resolve(), name, arguments.pairs)
    ]
    print("\n".join(missed) or f"nothing is below {BAR}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
