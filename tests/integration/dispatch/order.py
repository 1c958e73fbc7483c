"""
Order: deliveries of many chats, some failing at random, by processes that are killed at random.

    python -m tests.integration.dispatch.order DELIVERIES CHATS KILLS
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import EventWork
from tests.engines.listening import append
from tests.integration.fork_server import fork_server

ME = "me"
LANES_AT_ONCE = 64


def fill(folder, deliveries, chats):
    """So many events, in turn of the chats."""

    async def write():
        journal = SqliteJournal(folder)
        journal.open()
        for start in range(0, deliveries, 1000):
            arrivals = tuple(
                _arrival(number, number % chats) for number in range(start, min(start + 1000, deliveries))
            )
            await append(journal, Batch(identity=ME, arrivals=arrivals))
        await journal.close()

    asyncio.run(write())


def _arrival(number, chat):
    entry = Entry(
        identity=ME,
        epoch=1,
        seq=number + 1,
        kind="x",
        fingerprint="",
        ts=None,
        raw="{}",
        received_at=0.0,
    )
    return Arrival(entry=entry, events=(EventWork(handler="p.h", lane=f"chat:{chat}"),))


def work(folder, log, seed):
    """A process: deliver until nothing is left, one in twenty fails and is postponed."""
    asyncio.run(_work(folder, log, random.Random(seed)))


async def _work(folder, log, dice):
    journal = SqliteJournal(folder)
    journal.open()
    await journal.recover(ME)
    with log.open("a", buffering=1) as handled:

        async def deliver(delivery):
            if dice.random() < 0.05:
                await journal.postpone(delivery, after=dice.random() / 100, spend=True)
                return
            handled.write(f"{delivery.lane} {delivery.entry.seq}\n")
            await journal.finish(delivery, STAY)

        while True:
            now = time.time()
            claimed = await journal.claim(ME, limit=LANES_AT_ONCE)
            if suspect := await journal.claim_suspect(ME):
                claimed = [*claimed, suspect]
            if not claimed and await journal.next_due_at(ME, after=now) is None:
                break
            await asyncio.gather(*map(deliver, claimed))
    await journal.close()


def run(folder, deliveries, chats, kills, dice):
    """What was handled, in order: (lane, seq), as many processes saw it."""
    fill(folder, deliveries, chats)
    log = folder / "handled"
    processes = fork_server()
    for life in range(kills + 1):
        process = processes.Process(target=work, args=(folder, log, dice.random()))
        process.start()
        process.join(dice.uniform(0.3, 1.5) if life < kills else 600)
        process.kill()
        process.join()
    return [line.split() for line in log.read_text().splitlines()]


def inversions(handled):
    """How often a lane went back further than to the one that a kill left unfinished; and how many were handled."""
    newest, repeated, back = defaultdict(int), 0, 0
    for lane, text in handled:
        seq = int(text)
        back += seq < newest[lane]
        repeated += seq == newest[lane]
        newest[lane] = max(newest[lane], seq)
    return back, repeated, len({tuple(row) for row in handled})


if __name__ == "__main__":
    counts = tuple(map(int, sys.argv[1:4]))
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        went_back, again, done = inversions(run(Path(place), *counts, random.Random(1)))
    print(
        f"{done} of {counts[0]} deliveries over {counts[1]} chats, {counts[2]} kills:"
        f" {went_back} inversions, {again} handled again after a kill, {time.monotonic() - began:.0f} s"
    )
