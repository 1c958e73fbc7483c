"""
Processes that append numbered entries for as long as they live, and print each number once it is durable.

Usage: appender.py STATE_DIR; each line of standard input, a seed, is the life of one, and the next begins when it
is dead.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from mycel_runtime.journal.entries import Batch, EventDelivery
from mycel_runtime.journal.sqlite import SqliteJournal
from tests.integration.journal.samples import (
    ME,
    arrivals,
    chat_work,
    checkpoint,
    claim_any,
    entry,
    event_work,
    finish,
)


def say(*words):
    """In one write, because whoever is killed within a line spoils the next one; `print` may make several."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def append_for_ever(journal, dice):
    last = await journal.checkpoint(ME)
    through = last.since_seq if last else 0
    while True:
        first, through = through + 1, through + dice.randint(1, 8)
        numbered = map(entry, range(first, through + 1))
        batch = Batch(
            identity=ME,
            arrivals=arrivals(*numbered, events=[event_work()]),
            hints=(chat_work(through),),
            checkpoint=checkpoint(through),
        )
        await journal.append(batch, now=0.0)
        say("appended", through)


async def handle_for_ever(journal):
    while True:
        for delivery in await claim_any(journal):
            is_event = isinstance(delivery, EventDelivery)
            done = delivery.entry.seq if is_event else delivery.wanted_seq
            assert await finish(journal, delivery, None if is_event else done)
            say("event" if is_event else "chat", done)


async def live(folder, seed):
    journal = SqliteJournal(Path(folder))
    journal.open()
    await journal.lease(ME, now=0.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(append_for_ever(journal, random.Random(seed)), name="append")
        tasks.create_task(handle_for_ever(journal), name="handle")


def main(folder):
    """A fork for each line of standard input: a Python that is started anew takes longer than its whole life."""
    for seed in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                say("born", os.getpid())
                asyncio.run(live(folder, seed))
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        say("dead", pid)


if __name__ == "__main__":
    main(*sys.argv[1:])
