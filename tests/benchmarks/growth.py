"""
What a journal in PostgreSQL costs beside a million finished rows and a hundred thousand that wait.

    python -m tests.benchmarks.growth [ROUNDS] [--finished N] [--waiting N]

Two databases of one server take turns: one that is nearly empty, and one that was filled in bulk, with autovacuum as
it comes and, in both, a sweep going on that removes what is old. Measured are the journal's own verbs, in medians and
for the claim the slowest in a hundred, too. Exit status 1 if a median of the full one is over its bar.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from typing import Final

import psycopg

from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.retention import START, Age
from mycel_runtime.journal.work import ChatWork
from tests.engines.postgres_server import Databases, PostgresServer

ME: Final = "me"
BAR: Final = 1.3
"""Of the claim: full over nearly empty, medians."""

CLAIM_LIMIT: Final = 8
LANES: Final = 20_000
FEW: Final = 200
SWEEP_REST: Final = 63
"""Of the time of a step; as `daemon.sweeper` rests."""

DAY_SECONDS: Final = 86_400.0

FILL: Final = """
INSERT INTO entry (entry_id, identity, epoch, seq, kind, fingerprint, ts, raw, received_at)
SELECT n, 'me', 1, n, 'chat.message', md5(n::text), now.at - age.seconds, '{"seq":' || n || '}', now.at - age.seconds
FROM generate_series(1, %(entries)s) AS n, (SELECT extract(epoch FROM clock_timestamp()) AS at) AS now,
     LATERAL (SELECT 14 * 86400.0 * (1 - n::float8 / %(entries)s) AS seconds) AS age;
INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, wanted_seq, turn, state, due_at)
SELECT 'me', 'p.messages', 'chat:done' || n, 'done' || n, 5, 5, 5, 'idle', 0
FROM generate_series(1, %(chats)s) AS n;
INSERT INTO intent (delivery_id, turn, ordinal, identity, handler, chat_id, base_seq, content_hash, state,
                    message_id, message_seq, intended_at, plugin)
SELECT n %% %(chats)s + 1, n / %(chats)s, 0, 'me', 'p.messages', 'done' || (n %% %(chats)s + 1), n / %(chats)s,
       md5(n::text), 'sent', 'm' || n, n / %(chats)s + 1,
       extract(epoch FROM clock_timestamp()) - 14 * 86400.0 * (1 - n::float8 / %(intents)s), 'p'
FROM generate_series(1, %(intents)s) AS n;
INSERT INTO turn (identity, handler, lane, chat_id, delivery_id, turn, attempt, kind, shown, said, done, raised,
                  began_at, ended_at)
SELECT 'me', 'p.messages', 'chat:done' || (n %% %(chats)s + 1), 'done' || (n %% %(chats)s + 1), n %% %(chats)s + 1,
       n / %(chats)s, 1, 'chat', '[]', '[]', '[]', '', at, at
FROM generate_series(1, %(turns)s) AS n,
     LATERAL (SELECT extract(epoch FROM clock_timestamp()) - 14 * 86400.0 * (1 - n::float8 / %(turns)s) AS at) AS a;
"""

WAIT: Final = """
INSERT INTO delivery (identity, handler, lane, chat_id, handled_seq, wanted_seq, turn, state, due_at, waiting_since)
SELECT 'me', 'h' || n / %(lanes)s || '.messages', 'chat:' || n %% %(lanes)s, (n %% %(lanes)s)::text, 0, 1, 1, 'due',
       at, at
FROM generate_series(1, %(waiting)s) AS n,
     LATERAL (SELECT extract(epoch FROM clock_timestamp()) - 3600.0 + n * 1e-3 AS at) AS a
"""


async def claim(journal):
    """Seconds of one claim; what it got is given back."""
    began = time.perf_counter()
    claimed = await journal.claim(ME, limit=CLAIM_LIMIT)
    took = time.perf_counter() - began
    assert len(claimed) == CLAIM_LIMIT
    await asyncio.gather(*(journal.postpone(each, after=0.0, spend=False) for each in claimed))
    return took


async def finish(journal):
    """Seconds of the end of one delivery, which is wanted again afterwards."""
    (delivery,) = await journal.claim(ME, limit=1)
    began = time.perf_counter()
    await journal.finish(delivery, CursorMove(handled_seq=delivery.wanted_seq))
    took = time.perf_counter() - began
    again = ChatWork(
        handler=delivery.handler,
        lane=delivery.lane,
        chat_id=delivery.chat_id,
        wanted_seq=delivery.wanted_seq + 1,
    )
    await journal.hint(ME, [again])
    return took


async def hint(journal):
    """Seconds until a chat of which nobody has heard is due."""
    hint.chats += 1
    chat = f"new{hint.chats}"
    began = time.perf_counter()
    await journal.hint(ME, [ChatWork(handler="p.messages", lane=f"chat:{chat}", chat_id=chat, wanted_seq=1)])
    return time.perf_counter() - began


hint.chats = 0


async def next_due(journal):
    began = time.perf_counter()
    await journal.next_due_at(ME, after=journal.now())
    return time.perf_counter() - began


async def count(journal):
    began = time.perf_counter()
    await journal.statistics(ME)
    return time.perf_counter() - began


COSTS: Final = {"claim": claim, "finish": finish, "hint": hint, "next due": next_due, "statistics": count}
BARRED: Final = {"claim"}


class Filled:
    """One of the two databases, with its journal open and a sweep going on."""

    def __init__(self, url, finished, waiting):
        self.url, self.finished, self.waiting = url, finished, waiting
        self.steps = []

    def fill(self):
        rows = {
            "entries": self.finished * 4 // 10,
            "intents": self.finished * 3 // 10,
            "turns": self.finished // 5,
        }
        rows["chats"] = max(self.finished // 10, 1)
        with psycopg.connect(self.url, autocommit=True) as connection:
            began = time.perf_counter()
            for statement in FILL.split(";\n"):
                if statement.strip():
                    connection.execute(statement, rows)
            connection.execute(WAIT, {"lanes": LANES, "waiting": self.waiting})
            print(
                f"{sum(rows.values()) + self.waiting:,} rows in {time.perf_counter() - began:.1f} s",
                flush=True,
            )

    async def sweep(self, journal):
        """Without end, as the daemon's does: it rests between its steps."""
        place = START
        while True:
            age = Age(rows=7 * DAY_SECONDS, letters=90 * DAY_SECONDS)
            began = time.perf_counter()
            step = await journal.sweep(place, age, kept_numbers=1000)
            self.steps.append(time.perf_counter() - began)
            place = step.place or START
            await asyncio.sleep(max(0.02, SWEEP_REST * step.seconds))


@contextlib.asynccontextmanager
async def opened(filled):
    journal = PostgresJournal(filled.url, kept_turns=10_000)
    await asyncio.to_thread(journal.open)
    try:
        await asyncio.to_thread(filled.fill)
        await journal.recover(ME)
        yield journal
    finally:
        await journal.close()


async def measure(databases, rounds):
    """Seconds of each cost, for each database."""
    took = {name: ([], []) for name in COSTS}
    async with opened(databases[0]) as few, opened(databases[1]) as many, asyncio.TaskGroup() as tasks:
        sweeps = [
            tasks.create_task(filled.sweep(journal), name="sweep")
            for filled, journal in zip(databases, (few, many), strict=True)
        ]
        for _ in range(rounds):
            for name, cost in COSTS.items():
                for journal, each in zip((few, many), took[name], strict=True):
                    each.append(await cost(journal))
        for task in sweeps:
            task.cancel()
    return took


def shown(databases, took):
    """Print the table; whether a bar is missed."""
    print(f"{'':12}{'few p50 ms':>12}{'many p50 ms':>13}{'ratio':>8}{'few p99':>10}{'many p99':>10}")
    missed = False
    for name, (few, many) in took.items():
        low, high = statistics.median(few) * 1e3, statistics.median(many) * 1e3
        slow = [sorted(each)[int(len(each) * 0.99)] * 1e3 for each in (few, many)]
        bar = f"  bar {BAR}" if name in BARRED else ""
        print(f"{name:12}{low:12.2f}{high:13.2f}{high / low:8.2f}{slow[0]:10.2f}{slow[1]:10.2f}{bar}")
        missed = missed or (name in BARRED and high / low > BAR)
    for filled in databases:
        steps = sorted(filled.steps)
        print(
            f"sweep beside {filled.finished:,} finished: {len(steps)} steps,"
            f" p50 {statistics.median(steps) * 1e3:.1f} ms, longest {steps[-1] * 1e3:.1f} ms"
        )
    return missed


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", type=int, nargs="?", default=200)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=100_000)
    given = parser.parse_args()
    server = PostgresServer()
    try:
        made = Databases(server.url)
        databases = Filled(made.make(), FEW, FEW), Filled(made.make(), given.finished, given.waiting)
        return shown(databases, asyncio.run(measure(databases, given.rounds)))
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
