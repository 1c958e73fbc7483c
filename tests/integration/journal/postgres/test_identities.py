"""Identities that share a database: none waits for another one's, and whoever needs all of them gets them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import psycopg
import pytest

from mycel_runtime.journal.postgres import session
from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.locks import JOURNAL_LOCK, WIDE
from mycel_runtime.journal.postgres.process import ProcessMark
from mycel_runtime.journal.postgres.statements import NAMES, statement
from mycel_runtime.journal.postgres.transfer import alone
from mycel_runtime.journal.retention import Age, Place
from tests.integration.journal.samples import ME, OTHER, claim, finish, want

DEADLINE = 60.0

FROZEN = """
import os, signal, sys
import psycopg
from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.process import ProcessMark
from mycel_runtime.journal.postgres.session import begin

with connected(sys.argv[1]) as connection:
    begin(connection, ProcessMark.of_this(""), lambda _: None, identity=sys.argv[2])
    connection.pgconn.enter_pipeline_mode()
    connection.pgconn.send_query_params(b"SELECT 1", [])
    connection.pgconn.send_flush_request()
    connection.pgconn.flush()
    print("within", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    connection.pgconn.consume_input()
    try:
        connection.pgconn.pipeline_sync()
        connection.pgconn.flush()
        while (found := connection.pgconn.get_result()) is not None or connection.pgconn.status == 0:
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        print("cut off", flush=True)
    else:
        print("cut off" if connection.pgconn.status else "goes on", flush=True)
"""

KEYS = {"delivery_id", "dead_letter_id", "entry_id", "process", "process_id"}
"""By which an identity's own rows are named, once it has them; or a process."""


def test_what_changes_rows_of_whichever_identity_is_known_to():
    """It has the database's lock; what else changes rows names whose, or a row that it has."""
    nobodys = {
        name
        for name in NAMES
        if (found := statement(name)).writes
        and found.identity_place is None
        and not KEYS & found.types.keys()
        and name not in WIDE
    }

    # Of processes, and rows that nobody else removes just now.
    assert nobodys == {"beat", "forget_lost", "prune_turns_beside_others"}


async def test_who_stands_still_as_one_identity_keeps_no_other_waiting(journal, open_journal):
    journal._writer.work_as(ME)
    other = await open_journal()
    connection = other._connections.take()
    session.begin(connection, other._process, lambda _: None, identity=OTHER)

    async with asyncio.timeout(session.STILL_SECONDS / 2):
        await want(journal, 1)
        assert len(await claim(journal)) == 1
    connection.execute("ROLLBACK")
    other._connections.give_back(connection)


async def test_a_process_comes_and_goes_beside_whoever_is_at_work(open_journal, url):
    """As long as it works as nobody."""
    with connected(url) as other:
        session.begin(other, ProcessMark.of_this(""), lambda _: None, identity=OTHER)
        journal = await open_journal()
        await journal.close()

        found = other.execute("SELECT 1 FROM process WHERE process_id = %s", (journal._process.process_id,))
        assert found.fetchone() is None


async def test_what_is_asked_for_another_identity_waits_for_it(journal, url):
    """And from then on for all, because what it has of it is named by keys."""
    journal._writer.work_as(ME)
    async with _waiting_for(OTHER, url) as tasks:
        tasks.create_task(want(journal, 1, identity=OTHER), name="want")

    (claimed,) = await claim(journal, identity=OTHER)
    await finish(journal, claimed)
    assert journal._writer._scope is None


async def test_a_sweep_waits_for_all_and_what_comes_behind_it_for_one(journal, url):
    journal._writer.work_as(ME)
    async with _waiting_for(OTHER, url) as tasks:
        tasks.create_task(journal.sweep(Place(), Age(rows=1.0, letters=1.0), kept_numbers=1), name="sweep")

    assert journal._writer._scope == ME


@contextlib.asynccontextmanager
async def _waiting_for(identity, url):
    """Tasks that come to wait for everybody, while somebody has this identity's lock."""
    with connected(url) as other:
        session.begin(other, ProcessMark.of_this(""), lambda _: None, identity=identity)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            yield tasks
            while not await asyncio.to_thread(_waits, url):
                pass
            other.execute("ROLLBACK")


def _waits(url):
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ExclusiveLock'"
            " AND objid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (JOURNAL_LOCK,),
        ).fetchone()


async def test_many_identities_an_operator_and_who_takes_over_come_into_no_circle(open_journal, url):
    before = _deadlocks(url)
    identities = [f"agent-{number}" for number in range(4)]
    for identity in identities:
        dead = await open_journal()
        await want(dead, 1, identity=identity)
        assert len(await claim(dead, identity=identity)) == 1
        await dead.abandon()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE process SET boot_id = 'before'")
    journals = [await open_journal() for _ in identities]

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        for identity, journal in zip(identities, journals, strict=True):
            tasks.create_task(_work(journal, identity), name=identity)
        tasks.create_task(asyncio.to_thread(_operate, url), name="operator")

    assert _deadlocks(url) == before
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM process").fetchone() == (len(journals),)


async def _work(journal, identity):
    await journal.take_over(identity)
    for number in range(2, 14):
        await want(journal, number, identity=identity)
        for delivery in await claim(journal, identity=identity):
            await finish(journal, delivery, number)
        await journal.take_over(identity)
        if number % 4 == 0:
            await journal.sweep(Place(), Age(rows=1e9, letters=1e9), kept_numbers=1)


def _operate(url):
    for _ in range(5):
        with alone(url) as connection:
            connection.execute("UPDATE process SET host = host")


def _deadlocks(url):
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()


@pytest.mark.parametrize("waiter", ["its own", "all"])
async def test_a_process_that_was_stopped_within_a_pipeline_loses_its_lock_to_who_waits(
    waiter, open_journal, url, monkeypatch
):
    """Also where the database does not end its transaction by itself: before PostgreSQL 17, and here before that."""
    with _stopped(url, ME) as child:
        journal = await open_journal(lease_seconds=3.0)
        if waiter == "its own":
            journal._writer.work_as(ME)
        async with asyncio.timeout(session.STILL_SECONDS):
            await want(journal, 1)
            assert len(await claim(journal)) == 1
        os.kill(child.pid, signal.SIGCONT)
        told, _ = await asyncio.to_thread(child.communicate, timeout=DEADLINE)

    assert told.split("\n")[0] == "cut off"


@contextlib.contextmanager
def _stopped(url, identity):
    """A process that stands still within a transaction about this identity."""
    command = [sys.executable, "-c", FROZEN, url, identity]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "within\n"
            yield child
        finally:
            child.kill()
