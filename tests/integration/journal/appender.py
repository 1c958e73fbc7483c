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

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, EndOutcome, Item, ItemChange, NewTimer
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.delivery import EventDelivery
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.listening import append
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
        await append(journal, batch)
        say("appended", through)


async def handle_for_ever(journal):
    """Each event is counted in the store, and plans a timer of its number."""
    while True:
        for delivery in await claim_any(journal):
            if isinstance(delivery, EventDelivery):
                changes = await changes_of(journal, delivery.entry.seq)
                ended = await journal.finish(delivery, STAY, changes=changes)
                assert ended.outcome is EndOutcome.DONE
                say("event", delivery.entry.seq)
            else:
                assert await finish(journal, delivery, delivery.wanted_seq)
                say("chat", delivery.wanted_seq)


async def changes_of(journal, seq):
    count = (await journal.items(ME, "p", chat_id=None)).get("count", Item("0", 0))
    counted = ItemChange(chat_id=None, key="count", value=f"{int(count.value) + 1}", made_from=count.version)
    planned = NewTimer(name="t", key=f"{seq}", due_at=1e12, data="null", is_relative=False)
    return Changes(items=(counted,), timers=(planned,))


async def live(folder, seed):
    journal = SqliteJournal(Path(folder))
    journal.open()
    await journal.recover(ME)
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
