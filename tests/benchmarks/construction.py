"""
How long a fresh client takes to be made, beside one that makes an SSL context of its own as each used to.

    python -m tests.benchmarks.construction [OTHER] [--rounds 7] [--clients 20]

OTHER is a second checkout with an environment of its own in `.venv`; then the comparison is with that one's clients.
Whole processes take turns; each figure is the median of a round's clients after the first, and the ratio the median
of the rounds'. Exit status 1 if a client takes more than half, or an `AsyncClient` for http more than the whole:
that one has never made a context before its first connection.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BARS: Final = {
    ("Client", "https"): 0.5,
    ("AsyncClient", "https"): 0.5,
    ("Client", "http"): 0.5,
    ("AsyncClient", "http"): 1.0 / 0.95,
}

MAKE: Final = """
import statistics, sys, time
import httpx
from mycel_runtime.sdk import AsyncClient, Client

kind = {"Client": Client, "AsyncClient": AsyncClient}[sys.argv[1]]
scheme, count, has_own_context = sys.argv[2], int(sys.argv[3]), sys.argv[4] == "own"
took, clients = [], []
for _ in range(count + 1):
    begun = time.perf_counter()
    verify = httpx.create_ssl_context(scheme == "https", trust_env=False) if has_own_context else True
    clients.append(kind(base_url=f"{scheme}://mycel.example.org", auth_token="token", verify=verify))
    took.append(time.perf_counter() - begun)
print(statistics.median(took[1:]))
"""


def seconds(checkout: Path, kind: str, scheme: str, clients: int, *, has_own_context: bool) -> float:
    """The median of a process's clients."""
    context = "own" if has_own_context else "shared"
    command = [checkout / ".venv" / "bin" / "python", "-c", MAKE, kind, scheme, str(clients), context]
    ended = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    return float(ended.stdout)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clients", type=int, default=20)
    arguments = parser.parse_args()
    print(f"{'milliseconds':<22}{'ours':>10}{'before':>10}{'ratio':>8}")
    missed = [
        f"{kind}, {scheme}: more than {bar:.2f}"
        for (kind, scheme), bar in BARS.items()
        if _ratio(arguments, kind, scheme) > bar
    ]
    print("\n".join(missed) or "all bars are met")
    return 1 if missed else 0


def _ratio(arguments: argparse.Namespace, kind: str, scheme: str) -> float:
    other = arguments.other.resolve() if arguments.other else ROOT
    rows = [
        (
            seconds(ROOT, kind, scheme, arguments.clients, has_own_context=False),
            seconds(other, kind, scheme, arguments.clients, has_own_context=arguments.other is None),
        )
        for _ in range(arguments.rounds)
    ]
    ours, before = (statistics.median(column) * 1_000 for column in zip(*rows, strict=True))
    ratio = statistics.median(one / another for one, another in rows)
    print(f"{kind + ', ' + scheme:<22}{ours:>10.3f}{before:>10.3f}{ratio:>8.3f}", flush=True)
    return ratio


if __name__ == "__main__":
    sys.exit(main())
