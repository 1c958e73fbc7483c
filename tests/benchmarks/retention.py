"""
What keeping the journal small costs: frames taken in per second while old ones are removed, against without.

    python -m tests.benchmarks.retention [PAIRS] [--rows N] [--only speed size]

Speed: two journals alike, each with old frames enough; batches of 64 are committed to one and the other in turns,
each pair in the other order than the one before, and beside the one the daemon's sweep goes on all the time, which
it does in life only while there is much that is old. Printed are the median of both, and the median, least and
greatest of the pairs' ratios (bar 0.95), by how much the processor's time for a frame grew, which a busy disk
changes less, and the rows that were removed meanwhile. Size: a journal of N rows (1,000,000) and one of 1,000 are
opened and asked for their status, in turns. Beside the times, which need a quiet machine, stand steps of SQLite's
machine, which do not.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mycel_runtime.daemon.sweeper import Sweeper
from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.retention import START, Age, Retention
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.journal.verbs.retention import STEP_ROWS
from mycel_runtime.observe.observer import Silent
from tests.engines.listening import append
from tests.integration.journal.samples import ME, chat_work, checkpoint
from tests.integration.journal.test_cost import steps

BATCH = 64
CHATS = 50
FRAMES_PER_ROUND = 12_800
OLD_ROWS = 150_000
FEW_ROWS = 1_000
NOW = 1_000_000.0
RAW = '{"type":"notification","event_type":"chat.message","pad":"%s"}' % ("x" * 300)

BAR_SPEED = 0.95
BAR_STEPS = 1.2
BAR_STATUS_MS = 20.0


class Taking:
    """A journal that takes frames in."""

    def __init__(self, folder):
        self.journal = SqliteJournal(folder, clock=lambda: NOW)
        self._seq = 0

    async def fill(self, rows):
        """Old ones."""
        self.journal.open()
        await self.journal.recover(ME)
        for count in counts_of(rows):
            await append(self.journal, self._batch(count, received_at=0.0))

    async def round(self):
        """Frames per second, and seconds of the processor; several batches under way as from a socket read ahead."""
        began, processor = time.perf_counter(), time.process_time()
        for _ in range(FRAMES_PER_ROUND // (4 * BATCH)):
            await asyncio.gather(*(self._take() for _ in range(4)))
        return FRAMES_PER_ROUND / (time.perf_counter() - began), time.process_time() - processor

    async def take_one(self):
        await self._take()

    def _take(self):
        return append(self.journal, self._batch(BATCH, received_at=NOW))

    def _batch(self, count, *, received_at):
        numbers = range(self._seq + 1, self._seq + 1 + count)
        self._seq += count
        arrivals = tuple(
            Arrival(Entry(ME, 1, seq, "chat.message", f"{seq:032x}", received_at, RAW, received_at))
            for seq in numbers
        )
        hints = tuple(chat_work(seq, chat=f"c{seq % CHATS}") for seq in numbers[:CHATS])
        return Batch(identity=ME, arrivals=arrivals, hints=hints, checkpoint=checkpoint(self._seq))


def counts_of(rows, most=4_000):
    """How `rows` are parted into batches."""
    return [min(most, rows - start) for start in range(0, rows, most)]


async def keep_small(journal):
    """As the daemon does it, with no minute between."""
    keeper = Sweeper(journal=journal, retention=Retention(keep=NOW / 2), observer=Silent())
    while True:
        await keeper.sweep()


async def swept_round(taking):
    """As a round, with the sweep beside it."""
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(keep_small(taking.journal), name="sweep")
        found = await taking.round()
        sweeping.cancel()
    return found


async def speed(folder, pairs):
    """Rates without and with, in turns; how much was removed; steps for a frame and for a removed row."""
    bare, swept = Taking(folder / "bare"), Taking(folder / "swept")
    for each in (bare, swept):
        await each.fill(OLD_ROWS)
        await each.round()
    per_frame = await steps(bare.journal, bare.take_one()) / BATCH
    age = Age(rows=NOW / 2, letters=NOW)
    per_row = await steps(swept.journal, swept.journal.sweep(START, age, kept_numbers=1024)) / STEP_ROWS
    rates, before = {"without": [], "with": []}, (await entries(swept.journal))
    rounds = {"without": bare.round, "with": functools.partial(swept_round, swept)}
    for number in range(pairs):
        for name in list(rounds)[:: 1 if number % 2 else -1]:
            rates[name].append(await rounds[name]())
    removed = before + pairs * FRAMES_PER_ROUND - await entries(swept.journal)
    for each in (bare, swept):
        await each.journal.close()
    return rates, removed, per_frame, per_row


async def entries(journal):
    return await journal._writer.submit(
        lambda connection: connection.execute("SELECT count(*) FROM entry").fetchone()[0]
    )


async def size(folder, pairs, rows):
    """Milliseconds to open and to read the status, and its steps, with few rows and with many, in turns."""
    found = {}
    for name, count in (("few", FEW_ROWS), ("many", rows)):
        taking = Taking(folder / name)
        await taking.fill(count)
        found[name] = {
            "open": [],
            "status": [],
            "steps": await steps(taking.journal, taking.journal.statistics(ME)),
        }
        await taking.journal.close()
    for _ in range(pairs):
        for name, measured in found.items():
            journal = SqliteJournal(folder / name, clock=lambda: NOW)
            began = time.perf_counter()
            journal.open()
            measured["open"].append(1e3 * (time.perf_counter() - began))
            for _ in range(20):
                began = time.perf_counter()
                SqliteReader(folder / name / "journal.sqlite3").summary(ME)
                measured["status"].append(1e3 * (time.perf_counter() - began))
            await journal.close()
    return found


def tell(what, value, bar, *, most=False):
    held = value <= bar if most else value >= bar
    print(f"{what}: {value:.2f} (bar {bar}): {'held' if held else 'MISSED'}", flush=True)
    return held


def report_speed(rates, removed, per_frame, per_row):
    pairs = list(zip(rates["with"], rates["without"], strict=True))
    ratios = [ours / bare for (ours, _), (bare, _) in pairs]
    processor = statistics.median(ours / bare for (_, ours), (_, bare) in pairs)
    for name, found in rates.items():
        print(f"{name:<8}{statistics.median(speed for speed, _ in found):10,.0f} journalled frames/s")
    print(
        f"ratios {min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs; processor {processor:.2f};"
        f" {removed:,} rows removed meanwhile"
    )
    print(
        f"steps of SQLite: {per_frame:.0f} for a frame that is taken in, {per_row:.0f} for a row that is removed"
    )
    return tell("of the speed without", statistics.median(ratios), BAR_SPEED)


def report_size(found, rows):
    for name, measured in found.items():
        opened, status = statistics.median(measured["open"]), sorted(measured["status"])
        print(
            f"{name:<6}open {opened:7.1f} ms, status {statistics.median(status):6.2f} ms,"
            f" p99 {status[int(0.99 * len(status))]:6.2f} ms, {measured['steps']} steps"
        )
    many = sorted(found["many"]["status"])
    return all(
        [
            tell(
                "steps of status with many",
                found["many"]["steps"] / found["few"]["steps"],
                BAR_STEPS,
                most=True,
            ),
            tell(
                f"ms p99 of status with {rows:,} rows",
                many[int(0.99 * len(many))],
                BAR_STATUS_MS,
                most=True,
            ),
        ]
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", nargs="?", type=int, default=7)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", choices=["speed", "size"], default=["speed", "size"])
    arguments = parser.parse_args()
    held = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("bare", "swept", "few", "many"):
            (folder / each).mkdir()
        if "speed" in arguments.only:
            held.append(report_speed(*asyncio.run(speed(folder, arguments.pairs))))
        if "size" in arguments.only:
            held.append(
                report_size(asyncio.run(size(folder, arguments.pairs, arguments.rows)), arguments.rows)
            )
    return not all(held)


if __name__ == "__main__":
    sys.exit(main())
