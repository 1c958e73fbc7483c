"""
Real intermediaries between a real daemon and its backend: each message is answered exactly once, the cause is named.

    python -m tests.road [--jobs N] [--log] [NAME ...]

A NAME is a row ("nginx/plain") or the beginning of some ("nginx"). Prints a table, and the end of the daemon's log
below a row that fails; exit code 1 if one does. Needs what `tests/road/install.sh` installs.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.road import journey
from tests.road.journey import MESSAGES
from tests.road.row import Result
from tests.road.rows import ROWS

EXCERPT_LINES = 25
HEADING = f"{'row':30}{'seconds':>9}{'calls/message':>15}{'ready':>8}{'again after':>13}  causes"


def main():
    """The exit code."""
    arguments = argparse.ArgumentParser(prog="python -m tests.road")
    arguments.add_argument("--jobs", type=int, default=3, help="rows at a time; most of it is waiting")
    arguments.add_argument("--log", action="store_true", help="the daemon's whole log below each row")
    arguments.add_argument("names", nargs="*", metavar="NAME")
    options = arguments.parse_args()
    rows = [row for row in ROWS if row.name.startswith(tuple(options.names) or "")]
    print(HEADING, flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        failed = [
            row.name for row, result in pool.map(partial(_report, has_log=options.log), rows) if result.wrong
        ]
    print(
        f"{len(rows) - len(failed)} of {len(rows)} as they must be"
        + "".join(f"\n  not: {name}" for name in failed)
    )
    return 1 if failed or not rows else 0


def _report(row, *, has_log):
    """The row with its result; prints both."""
    try:
        result = journey.run(row)
    except Exception:  # noqa: BLE001 - one row's failure must not hide the others
        result = Result(wrong=[traceback.format_exc()])
    seconds = "-" if result.seconds is None else f"{result.seconds:.1f}"
    again = "-" if result.ready_after is None else f"{result.ready_after:.1f}"
    line = f"{row.name:30}{seconds:>9}{result.calls / MESSAGES:>15.1f}{result.ready:>8.0%}{again:>13}"
    lines = [
        f"{line}  {' '.join(sorted(result.causes)) or '-'}",
        *(f"    ! {wrong}" for wrong in result.wrong),
    ]
    log = result.log if has_log else result.log[-EXCERPT_LINES:] if result.wrong else ()
    print("\n".join([*lines, *(f"      {line}" for line in log)]), flush=True)
    return row, result


if __name__ == "__main__":
    sys.exit(main())
