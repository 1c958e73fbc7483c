"""
A year of an agent that answers 1,000 messages a day, and what its journal looks like then.

    python -m tests.integration.journal.year [--days 365] [--messages 1000] [--keep 7] [--never]

The journal is the real one, on a disk; the days are not: the clock is ours. Each message is a frame that makes its
chat due, a claim, an intent, a recorded send, and the end of the turn with what it was shown. Each day somebody asks
for a relationship, something is said first, and a turn is given up. The sweep is the daemon's, once a day. Printed
are, at the end of some days: the file, what of it is used, rows by table, how long it takes to open it and to read
its status, and the steps of SQLite's machine for status and for a frame's commit, which no other load changes.
`--never` keeps everything, for comparison. Exit status 1 if the last day is larger or slower than the bars below.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mycel_runtime.daemon.sweeper import Sweeper
from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import ChatDelivery
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.ids import DeliveryId
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.retention import Retention
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.journal.turns import MESSAGE_KIND, TurnRecord
from mycel_runtime.journal.utterance import Utterance
from mycel_runtime.observe.observer import Silent
from tests.engines.listening import append
from tests.integration.journal.samples import ME, chat_work, checkpoint, event_work, intent
from tests.integration.journal.test_cost import steps

DAY = 86_400.0
CHATS = 20
BEGAN = 1_700_000_000.0
HANDLER = "p.messages"
FRAME = '{"type":"notification","seq":%d,"event_type":"chat.message","metadata":{"chat_id":"%s","seq":%d},"pad":"%s"}'
PAD = "x" * 300
"""A frame has about so much."""

TABLES = ("entry", "intent", "turn", "utterance", "delivery", "dead_letter")

BAR_SIZE = 1.25
"""Of the file when the first things went, some days after they came."""
BAR_STEPS = 1.2
"""Of the steps of that day."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """At the end of a day."""

    day: int
    file_mib: float
    used_mib: float
    rows: dict[str, int]
    open_ms: float
    status_ms: float
    status_steps: int
    commit_steps: int


class Life:
    """
    Of one agent.

    Args:
        folder: Of the journal.
        keep: Seconds.
        messages: A day, in all chats.
    """

    def __init__(self, folder, *, keep, messages):
        self._folder = folder
        self._path = folder / "journal.sqlite3"
        self._retention = Retention(keep=keep, keep_letters=keep)
        self._rounds = max(1, messages // CHATS)
        self._now = BEGAN
        self._seq = 0
        self._newest = dict.fromkeys((f"chat-{number}" for number in range(CHATS)), 0)
        self._day = 0

    async def open(self):
        self.journal = SqliteJournal(self._folder, clock=lambda: self._now)
        self.journal.open()
        await self.journal.recover(ME)
        self._sweeper = Sweeper(
            journal=self.journal,
            retention=self._retention,
            observer=Silent(),
            pause=lambda _seconds: asyncio.sleep(0),
        )

    async def day(self):
        """All of its messages, and the sweep."""
        self._day += 1
        await self._ask_for_relationship()
        for number in range(self._rounds):
            self._now += DAY / self._rounds
            await self._round(gives_up=number == 0)
        await self._say_first()
        return await self._sweeper.sweep()

    async def _round(self, *, gives_up):
        """A message in each chat, answered."""
        await append(self.journal, self._frames())
        deliveries = await self.journal.claim(ME, limit=CHATS)
        assert len(deliveries) == CHATS
        await asyncio.gather(*(self._answer(each) for each in deliveries[gives_up:]))
        for each in deliveries[:gives_up]:
            move = CursorMove(handled_seq=each.wanted_seq)
            await self.journal.bury(each, Letter(reason="ValueError", trace="t"), move)

    def _frames(self):
        arrivals, hints = [], []
        for chat in self._newest:
            self._seq += 1
            self._newest[chat] += 1
            raw = FRAME % (self._seq, chat, self._newest[chat], PAD)
            arrivals.append(Arrival(self._entry(self._seq, "chat.message", raw)))
            hints.append(chat_work(self._newest[chat], chat=chat, handler=HANDLER))
        return Batch(
            identity=ME, arrivals=tuple(arrivals), hints=tuple(hints), checkpoint=checkpoint(self._seq)
        )

    def _entry(self, seq, kind, raw):
        return Entry(ME, 1, seq, kind, f"{seq:032x}", self._now, raw, self._now)

    async def _answer(self, delivery):
        assert isinstance(delivery, ChatDelivery)
        chat, asked = delivery.chat_id, delivery.wanted_seq
        said = intent(delivery, handler=HANDLER, base_seq=asked, content_hash=f"{asked:064x}")
        said = type(said)(
            **{name: getattr(said, name) for name in said.__slots__} | {"intended_at": self._now}
        )
        await self.journal.intend(delivery, said)
        self._newest[chat] += 1
        sent = {"state": IntentState.SENT, "message_id": f"{chat}-{asked:032}", "message_seq": asked + 1}
        self.journal.record(
            type(said)(**{name: getattr(said, name) for name in said.__slots__} | sent), wanted_seq=asked + 1
        )
        record = TurnRecord(
            kind=MESSAGE_KIND,
            attempt=1,
            began_at=self._now,
            shown={"messages": [[asked, f"{chat}-{asked:032}"]], "base_seq": asked, "guard": [0, 6, False]},
        )
        await self.journal.finish(delivery, CursorMove(handled_seq=asked + 1), record=record)

    async def _ask_for_relationship(self):
        self._seq += 1
        raw = FRAME % (self._seq, "r", 0, PAD)
        arrival = Arrival(
            self._entry(self._seq, "relationship.requested", raw), events=(event_work(lane="relationship:r"),)
        )
        batch = Batch(identity=ME, arrivals=(arrival,), checkpoint=checkpoint(self._seq))
        await append(self.journal, batch)
        await self._end_events()

    async def _say_first(self):
        utterance = Utterance(
            identity=ME,
            handler=HANDLER,
            lane=chat_lane("said-first"),
            chat_id="said-first",
            delivery_id=DeliveryId(-self._day),
            turn=0,
            ordinal=0,
            content="good night",
            mentions=(),
            on_conflict="wait",
            made_at=self._now,
            known_seq=None,
        )
        assert await self.journal.utter(utterance)
        await self._end_events()

    async def _end_events(self):
        for delivery in await self.journal.claim(ME, limit=CHATS):
            await self.journal.finish(delivery, STAY)

    async def measure(self):
        """Closes the journal, and opens it again."""
        await self.journal.close()
        began = time.perf_counter()
        await self.open()
        open_ms = 1e3 * (time.perf_counter() - began)
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            SqliteReader(self._path).summary(ME)
            taken.append(1e3 * (time.perf_counter() - began))
        with sqlite3.connect(f"file:{self._path}?mode=ro", uri=True) as reader:
            rows = {name: reader.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
            pages, free, size = (
                reader.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        reader.close()
        return Measured(
            day=self._day,
            file_mib=self._path.stat().st_size / 2**20,
            used_mib=(pages - free) * size / 2**20,
            rows=rows,
            open_ms=open_ms,
            status_ms=sorted(taken)[2],
            status_steps=await steps(self.journal, self.journal.statistics(ME)),
            commit_steps=await steps(self.journal, append(self.journal, self._frame())),
        )

    def _frame(self):
        self._seq += 1
        entry = self._entry(self._seq, "chat.message", FRAME % (self._seq, "c", 1, PAD))
        return Batch(identity=ME, arrivals=(Arrival(entry),), checkpoint=checkpoint(self._seq))


async def live(folder, *, days, messages, keep, seen):
    """The days at whose end it was measured: the first, the one after the first things went, some, and the last."""
    life = Life(folder, keep=keep, messages=messages)
    await life.open()
    settled = min(days, math.ceil(keep / DAY) + 2) if math.isfinite(keep) else 1
    chosen = {1, settled, days, *range(0, days, max(1, days // 8))}
    found = []
    for day in range(1, days + 1):
        await life.day()
        if day in chosen:
            found.append(await life.measure())
            seen(found[-1])
    await life.journal.close()
    return next(each for each in found if each.day == settled), found[-1]


def missed(settled, last):
    """Which bars the last day misses, in words."""
    ratios = {
        "file": (last.file_mib / settled.file_mib, BAR_SIZE),
        "steps of status": (last.status_steps / settled.status_steps, BAR_STEPS),
        "steps of a commit": (last.commit_steps / settled.commit_steps, BAR_STEPS),
    }
    return [f"{what}: {ratio:.2f} (bar {bar})" for what, (ratio, bar) in ratios.items() if ratio > bar]


HEADING = (
    f"{'day':>5}{'file MiB':>10}{'used MiB':>10}"
    + "".join(f"{table:>12}" for table in TABLES)
    + f"{'open ms':>9}{'status ms':>11}{'its steps':>11}{'commit steps':>14}"
)


def show(found):
    print(
        f"{found.day:>5}{found.file_mib:>10.1f}{found.used_mib:>10.1f}"
        + "".join(f"{found.rows[table]:>12,}" for table in TABLES)
        + f"{found.open_ms:>9.1f}{found.status_ms:>11.2f}{found.status_steps:>11,}{found.commit_steps:>14,}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--keep", type=float, default=7.0, help="days")
    parser.add_argument("--never", action="store_true", help="keep everything")
    arguments = parser.parse_args()
    keep = math.inf if arguments.never else arguments.keep * DAY
    print(HEADING)
    with tempfile.TemporaryDirectory() as folder:
        settled, last = asyncio.run(
            live(Path(folder), days=arguments.days, messages=arguments.messages, keep=keep, seen=show)
        )
    wrongs = missed(settled, last)
    print("\n".join(wrongs) or f"as on day {settled.day}")
    return bool(wrongs)


if __name__ == "__main__":
    sys.exit(main())
