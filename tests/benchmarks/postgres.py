"""
The journal in PostgreSQL against a bare loop of psycopg, and against the journal in a file.

    python -m tests.benchmarks.postgres [ROUNDS]

The server is the tests' own, or the one that `MYCEL_RUNTIME_TEST_POSTGRES` names. Frames: groups of as many, each
durable before the next one begins; what is written is made before the clock runs, for all alike. Ours makes work due
with them, in 50 chats, and moves the checkpoint; a bare loop does no more than COPY them into a table like ours, and
another one INSERT them, in a transaction of its own each. Identities: some of them on one host, each with a frame a
transaction, with a lock each, and with one lock for all; then the same with a database as far away as another host.
Replies: the runtime of `replies`, whose backend is in a process of its own, with either engine. All take turns, each
round in the other order than the one before; a ratio is the median of the rounds'.

Then what a turn costs is counted: operations of the journal, transactions, statements, and how often the process
looks for what the server has sent.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import functools
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

import psycopg

from mycel_runtime.daemon import garbage
from mycel_runtime.journal.batch import Arrival, Batch
from mycel_runtime.journal.checkpoint import Checkpoint
from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.postgres import group
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.postgres.rows import ResultCursor
from mycel_runtime.journal.postgres.session import Session
from mycel_runtime.journal.postgres.writer import PostgresWriter
from mycel_runtime.journal.work import ChatWork
from tests.benchmarks import replies
from tests.engines.postgres_server import VARIABLE, Databases, PostgresServer

GROUP_FRAMES = 256
GROUPS = 20
BAR_OF_BARE = 0.5
BAR_OF_FILE = 0.4
IDENTITIES = 4
JOURNEY_SECONDS = 0.002
BARS_OF_ONE_LOCK = {"on this host": 0.9, "2 ms away": 2.0}
COUNTED_ROUNDS = 4
ME = "me"
RAW = json.dumps({"type": "message", "message": {"id": "m" * 36, "chat_id": "c" * 36}})
COLUMNS = "identity, epoch, seq, kind, fingerprint, ts, raw, received_at"


@contextlib.contextmanager
def databases():
    """Of the server that a variable names, else of one of our own."""
    named = os.environ.get(VARIABLE)
    server = None if named else PostgresServer()
    made = Databases(named or server.url)
    try:
        yield made
    finally:
        made.drop_all()
        if server is not None:
            server.close()


def entries(first):
    """A group of them."""
    return [
        Entry(ME, 1, seq, "message", f"{seq:032x}", float(seq), RAW, float(seq))
        for seq in range(first, first + GROUP_FRAMES)
    ]


class Bare:
    """A table like ours, and nothing else."""

    def __init__(self, url, write):
        self._connection = psycopg.connect(url)
        self._connection.execute("CREATE TABLE IF NOT EXISTS frame (LIKE entry INCLUDING ALL)")
        self._connection.commit()
        self._write = write
        self._seq = int(1e9) if write is copied else 1

    async def round(self):
        groups = [entries(self._seq + number * GROUP_FRAMES) for number in range(GROUPS)]
        self._seq += GROUPS * GROUP_FRAMES
        began = time.perf_counter()
        for rows in groups:
            with self._connection.cursor() as cursor:
                self._write(cursor, rows)
            self._connection.commit()
        return GROUPS * GROUP_FRAMES / (time.perf_counter() - began)


def copied(cursor, rows):
    with cursor.copy(f"COPY frame ({COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def inserted(cursor, rows):
    cursor.executemany(f"INSERT INTO frame ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)


class Ours:
    """The listener's verb."""

    def __init__(self, journal, lease):
        self._journal = journal
        self._lease = lease
        self._seq = 1

    async def round(self):
        batches = [self._batch(self._seq + number * GROUP_FRAMES) for number in range(GROUPS)]
        self._seq += GROUPS * GROUP_FRAMES
        began = time.perf_counter()
        for batch in batches:
            await self._journal.append(batch, lease=self._lease)
        return GROUPS * GROUP_FRAMES / (time.perf_counter() - began)

    def _batch(self, first):
        heard = entries(first)
        hints = tuple(self._work(entry.seq) for entry in heard)
        through = Checkpoint(identity=ME, server="", epoch=1, since_seq=first + GROUP_FRAMES - 1)
        return Batch(identity=ME, arrivals=tuple(map(Arrival, heard)), hints=hints, checkpoint=through)

    @staticmethod
    def _work(seq):
        chat = f"c{seq % replies.CHATS}"
        return ChatWork(
            handler=HandlerId("p.answer"), lane=Lane(f"chat:{chat}"), chat_id=chat, wanted_seq=seq
        )


async def frames(url, rounds):
    """Rates of each, by rounds."""
    journal = PostgresJournal(url, kept_turns=0)
    await asyncio.to_thread(journal.open)
    lease = await journal.lease(ME)
    writers = {"copy": Bare(url, copied), "insert": Bare(url, inserted), "ours": Ours(journal, lease)}
    rates = await in_turns(writers, rounds)
    await journal.release(lease)
    await journal.close()
    return rates


async def in_turns(writers, rounds):
    rates = {name: [] for name in writers}
    for number in range(rounds + 1):
        for name in list(writers)[:: 1 if number % 2 else -1]:
            rate = await writers[name].round()
            if number:  # the first round opens connections and prepares statements
                rates[name].append(rate)
    return rates


class Several:
    """As many identities, each with a journal of its own; they wait for each other or not."""

    def __init__(self, journals, leases, seqs, *, is_one_lock):
        self._agents = list(zip(journals, leases, strict=True))
        self._seqs = seqs
        self._is_one_lock = is_one_lock

    async def round(self):
        for journal, _ in self._agents:
            journal._writer._is_of_several = self._is_one_lock
        first = next(self._seqs)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for journal, lease in self._agents:
                tasks.create_task(self._work(journal, lease, first), name=lease.identity)
        return GROUPS * len(self._agents) / (time.perf_counter() - began)

    @staticmethod
    async def _work(journal, lease, first):
        for seq in range(first, first + GROUPS):
            entry = Entry(lease.identity, 1, seq, "message", f"{seq:032x}", float(seq), RAW, float(seq))
            batch = Batch(identity=lease.identity, arrivals=(Arrival(entry),), hints=(Ours._work(seq),))
            await journal.append(batch, lease=lease)


@contextlib.contextmanager
def far_away():
    """Whoever waits for an answer within a transaction waits longer, as for a database on another host."""
    begin, wait = group.begin, ResultCursor._wait

    def far_begin(*arguments, **named):
        begin(*arguments, **named)
        time.sleep(JOURNEY_SECONDS)

    def far_wait(cursor):
        if cursor.statusmessage is None and cursor._pipeline is not None:
            time.sleep(JOURNEY_SECONDS)
        wait(cursor)

    with contextlib.ExitStack() as patches:
        for owner, name, old, new in (
            (group, "begin", begin, far_begin),
            (ResultCursor, "_wait", wait, far_wait),
        ):
            patches.callback(setattr, owner, name, old)
            setattr(owner, name, new)
        yield


async def identities(url, rounds):
    """Rates of transactions, by place and by rounds, with a lock for each identity and with one for all."""
    journals = [PostgresJournal(url, kept_turns=0) for _ in range(IDENTITIES)]
    for journal in journals:
        await asyncio.to_thread(journal.open)
    leases = [await journal.lease(f"agent-{number}") for number, journal in enumerate(journals)]
    seqs = itertools.count(1, GROUPS)
    contestants = {
        name: Several(journals, leases, seqs, is_one_lock=is_one_lock)
        for name, is_one_lock in (("one lock", True), ("a lock each", False))
    }
    near = await in_turns(contestants, rounds)
    with far_away():
        far = await in_turns(contestants, rounds)
    for journal in journals:
        journal._writer._is_of_several = False
        await journal.close()
    return {"on this host": near, f"{1e3 * JOURNEY_SECONDS:g} ms away": far}


def report_identities(found):
    for place, rates in found.items():
        for name, each in rates.items():
            print(
                f"{name:12} {statistics.median(each):6.0f} transactions/s of {IDENTITIES} identities, {place}"
            )
        tell(
            f"a lock each, of one for all, {place}",
            rates["a lock each"],
            rates["one lock"],
            BARS_OF_ONE_LOCK[place],
        )


def report_frames(rates):
    for name, found in rates.items():
        print(f"{name:8} {statistics.median(found):8.0f} frames/s, {GROUP_FRAMES} in a transaction")
    for base in ("copy", "insert"):
        tell(f"of a bare loop of {base.upper()}", rates["ours"], rates[base], BAR_OF_BARE)


def tell(told, own, others, bar):
    """A ratio, by rounds."""
    ratios = [mine / other for mine, other in zip(own, others, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    verdict = "held" if ratio >= bar else "MISSED"
    print(
        f"{told} {ratio:.2f} (bar {bar}): {verdict}; the middle half of {len(ratios)}: {low:.2f} to {high:.2f}"
    )


def in_a_database(url):
    def store(_folder, **options):
        return PostgresJournal(url, **options)

    return functools.partial(replies.runtime, store=store)


class Counts(collections.Counter):
    """Of what the journal does in the database."""

    @contextlib.contextmanager
    def counting(self):
        """While it lasts."""
        with contextlib.ExitStack() as patches:
            for owner, name, what in (
                (PostgresWriter, "_gather", "operations"),
                (PostgresWriter, "_attempt", "transactions"),
                (Session, "run", "statements"),
                (Session, "run_rows", "statements"),
                (psycopg.Connection, "wait", "waits"),
            ):
                patches.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, self._counted(getattr(owner, name), what))
            yield

    def _counted(self, function, what):
        @functools.wraps(function)
        def counted(*arguments, **named):
            self[what] += 1
            return function(*arguments, **named)

        return counted


async def answered(base_url, folder, url, rounds):
    contestants = {"file": replies.runtime, "database": in_a_database(url)}
    found = await replies.measure(base_url, folder, rounds, list(contestants), contestants)
    counts = Counts()
    with counts.counting():
        again = {"counted": in_a_database(url)}
        await replies.measure(base_url, folder, COUNTED_ROUNDS, list(again), again)
    return found, counts


def report_replies(found, counts):
    for name, (seconds, delays) in found.items():
        cuts = statistics.quantiles(delays, n=100)
        print(
            f"{name:8} {replies.CHATS / statistics.median(seconds):6.0f} replies/s,"
            f" to the handler p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms"
        )
    rates = {name: [1 / each for each in seconds] for name, (seconds, _) in found.items()}
    tell("of the same host with a file", rates["database"], rates["file"], BAR_OF_FILE)
    turns = replies.CHATS * (COUNTED_ROUNDS + 1)
    each = ", ".join(f"{counts[what] / turns:.2f} {what}" for what in sorted(counts))
    print(f"a turn: {each}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    rounds = parser.parse_args().rounds
    ours, theirs = multiprocessing.Pipe()
    backend = multiprocessing.get_context("spawn").Process(target=replies.serve, args=(theirs,), daemon=True)
    backend.start()
    garbage.look_rarely()
    garbage.leave_out_what_stays()
    with databases() as made, tempfile.TemporaryDirectory() as folder:
        report_frames(asyncio.run(frames(made.make(), rounds)))
        report_identities(asyncio.run(identities(made.make(), rounds)))
        url = f"http://127.0.0.1:{ours.recv()}"
        report_replies(*asyncio.run(answered(url, Path(folder), made.make(), rounds)))
    backend.kill()
    backend.join()


if __name__ == "__main__":
    main()
