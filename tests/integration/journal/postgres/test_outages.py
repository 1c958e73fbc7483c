"""A database that is restarted, crashes or ends connections costs the wait: nothing is lost or happens twice."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.postgres import session
from mycel_runtime.journal.postgres.session import Session
from tests.engines.listening import append
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim_one, entry, happen, want

DEADLINE = 120.0


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_what_is_asked_while_the_database_is_restarted_is_done_once_it_is_there(mode, journal, server):
    told = []
    journal._writer._on_away = lambda *outage: told.append(outage)
    await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1)), checkpoint=checkpoint(1)))
    await asyncio.to_thread(server.stop, mode)
    batch = Batch(identity=ME, arrivals=arrivals(entry(2), entry(3)), checkpoint=checkpoint(3))
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(append(journal, batch), name="append")
        await asyncio.sleep(1.0)
        assert not asked.done()
        await asyncio.to_thread(server.start)

    assert asked.result() == 2
    assert sorted(await journal.marks(ME, epoch=1, limit=9)) == [1, 2, 3]
    assert await journal.checkpoint(ME) == checkpoint(3)
    assert any("No such file or directory" in reason for reason, _ in told)
    assert told[-1][0] == ""
    assert told[-1][1] > 0.5


async def test_what_has_returned_is_there_after_a_crash_of_the_database(journal, server):
    """Also of verbs that promise less: this process lives on, and would believe what is gone."""
    for number in range(1, 9):
        await want(journal, number)
        delivery = await claim_one(journal)
        await journal.finish(delivery, CursorMove(handled_seq=number))
    await want(journal, 9)
    claimed = await claim_one(journal)
    await asyncio.to_thread(server.stop, "immediate")
    await asyncio.to_thread(server.start)

    async with asyncio.timeout(DEADLINE):
        assert claimed.handled_seq == 8
        assert (await journal.finish(claimed, CursorMove(handled_seq=9))).outcome.name == "DONE"


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_commit_of_which_nobody_heard_is_made_once(is_committed, journal, monkeypatch):
    commits = []
    whole = Session.commit

    def commit(operations):
        commits.append(operations.has_written)
        if len(commits) > 1:
            return whole(operations)
        if is_committed:
            whole(operations)
            operations.pipeline.sync()
        operations.connection.close()
        raise psycopg.OperationalError("the connection is lost")

    lease = await journal.lease(ME)
    monkeypatch.setattr(Session, "commit", commit)
    heard = Batch(identity=ME, arrivals=arrivals(entry(1)), hints=(), checkpoint=checkpoint(1))

    async with asyncio.timeout(DEADLINE):
        # An entry that is found there would not be new.
        assert await journal.append(heard, lease=lease) == 1
    assert commits == [True] * (1 if is_committed else 2)
    assert await journal.checkpoint(ME) == checkpoint(1)


async def test_whoever_waits_for_a_database_that_is_away_can_be_cancelled(journal, server):
    """Also behind somebody who still waits; that one's work is done."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks, stopped(server):
        waiting = tasks.create_task(journal.hold(ME, "c1", reason="wanted"), name="waiting")
        await asyncio.sleep(0.5)
        unwanted = tasks.create_task(journal.hold(ME, "c2", reason="not wanted"), name="unwanted")
        await asyncio.sleep(0)
        unwanted.cancel()
        await asyncio.wait([unwanted])
        assert not waiting.done()

    assert [hold.chat_id for hold in await journal.holds(ME)] == ["c1"]


async def test_who_closes_a_journal_whose_database_is_away_is_told(journal, server):
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks, stopped(server):
        asked = tasks.create_task(failing(journal.checkpoint(ME)), name="asked")
        await asyncio.sleep(0.5)
        await journal.close()
        assert "PostgreSQL is away" in await asked


@contextlib.asynccontextmanager
async def stopped(server):
    """A server that is not there for a block."""
    await asyncio.to_thread(server.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def failing(asked):
    """The words of the error that it fails with."""
    with pytest.raises(JournalError) as caught:
        await asked
    return str(caught.value)


async def test_a_killed_connection_is_told_nobody(journal, url):
    await happen(journal, 1)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    async with asyncio.timeout(DEADLINE):
        assert (await claim_one(journal)).entry == entry(1)


async def test_who_stands_still_within_a_transaction_keeps_nobody_waiting_for_ever(
    journal, open_journal, monkeypatch
):
    monkeypatch.setattr(session, "STILL_SECONDS", 1)
    frozen = await open_journal()
    connection = frozen._connections.take()
    session.begin(connection, frozen._process, lambda _: None)

    async with asyncio.timeout(DEADLINE):
        await want(journal, 1)
    frozen._connections.give_back(connection)
    assert (await claim_one(frozen)).wanted_seq == 1


async def test_cancelled_it_waits_for_the_end_of_its_transaction(journal):
    lease = await journal.lease(ME)
    batch = Batch(identity=ME, checkpoint=checkpoint(1))
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(journal.append(batch, lease=lease), name="append")
        await asyncio.sleep(0)
        asked.cancel()

    assert asked.cancelled()
    assert await journal.checkpoint(ME) == checkpoint(1)


async def test_a_statement_that_is_run_again_without_end_is_told(journal, monkeypatch):
    runs = []

    def conflicting(connection):
        runs.append(connection)
        raise psycopg.errors.SerializationFailure("conflict")

    with pytest.raises(JournalError, match="SerializationFailure"):
        await journal._writer.submit(conflicting)

    assert len(runs) == 5
