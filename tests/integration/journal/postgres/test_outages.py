"""A database that is restarted, crashes or ends connections costs the wait: nothing is lost or happens twice."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from mycel_runtime.errors import ConfigError, JournalAwayError, JournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.postgres import schema, session
from mycel_runtime.journal.postgres.connections import BoundedConnection, connected, looking
from mycel_runtime.journal.postgres.engine import PostgresEngine
from mycel_runtime.journal.postgres.session import Session
from mycel_runtime.settings.credentials import database_address
from tests.engines.listening import append
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim_one, entry, happen, want

DEADLINE = 120.0
SECRET = "not-for-anybody"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_what_is_asked_while_the_database_is_restarted_is_done_once_it_is_there(mode, journal, server):
    told = Told(journal)
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


async def test_a_reading_is_repeated_whose_connection_fails_without_being_known_to_be_closed(
    journal, monkeypatch
):
    """psycopg says so where a pipeline cannot be left, and hides the database's last word with it."""
    whole = Session.run
    used = []

    def run(session, name, values):
        used.append(session.connection)
        if len(used) == 1:
            raise psycopg.OperationalError("cannot exit pipeline mode with uncollected results")
        return whole(session, name, values)

    await append(journal, Batch(identity=ME, arrivals=arrivals(entry(1)), checkpoint=checkpoint(1)))
    monkeypatch.setattr(Session, "run", run)
    assert await journal.checkpoint(ME) == checkpoint(1)
    assert used[0] is not used[1]
    assert used[0].closed


def test_who_looks_is_told_that_the_database_is_away_also_by_the_last_word(url):
    def end(connection):
        connection.execute("BEGIN")
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])

    with pytest.raises(JournalAwayError), looking(url) as connection:
        end(connection)


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


class Told(list):
    """What a journal tells of outages: reasons, and seconds."""

    def __init__(self, journal):
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()
        journal._writer._on_away = self._tell

    def _tell(self, *outage):
        self.append(outage)
        self._loop.call_soon_threadsafe(self._more.set)

    async def wait(self, words):
        """Until a reason has these words."""
        async with asyncio.timeout(DEADLINE):
            while not any(words in reason for reason, _ in self):
                self._more.clear()
                await self._more.wait()


FULL = """
CREATE FUNCTION refuse_for_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'could not extend file "base/5/1": No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_room BEFORE INSERT ON hold FOR EACH ROW EXECUTE FUNCTION refuse_for_room();
"""
"""As the server says it."""


async def test_a_full_disk_of_the_database_is_told_and_waited_for(journal, url):
    told = Told(journal)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(FULL)
        try:
            async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
                asked = tasks.create_task(journal.hold(ME, "c1", reason="r"), name="asked")
                await told.wait("No space left on device")
                assert not asked.done()
                other.execute("DROP TRIGGER no_room ON hold")
        finally:
            other.execute("DROP FUNCTION refuse_for_room CASCADE")

    assert [hold.chat_id for hold in await journal.holds(ME)] == ["c1"]
    assert told[-1][0] == ""


async def test_a_table_that_somebody_locks_is_waited_for(journal, url, monkeypatch):
    monkeypatch.setattr(BoundedConnection, "silent_seconds", 1.0)
    told = Told(journal)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE hold")
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(journal.hold(ME, "c1", reason="r"), name="asked")
            await told.wait("no answer for 1 s")
            assert not asked.done()
            other.rollback()

    assert [hold.chat_id for hold in await journal.holds(ME)] == ["c1"]


async def test_a_failover_is_waited_for_while_the_one_that_answers_only_follows(journal, server):
    told = Told(journal)
    await asyncio.to_thread(server.stop)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(journal.hold(ME, "c1", reason="r"), name="asked")
        await told.wait("No such file or directory")
        await asyncio.to_thread(server.follow)
        await told.wait("session is read-only")
        assert not asked.done()
        await asyncio.to_thread(server.promote)

    assert [hold.chat_id for hold in await journal.holds(ME)] == ["c1"]


async def test_a_password_that_is_changed_is_told_and_never_shown(server, databases, open_journal):
    url = databases.make()
    name = conninfo.conninfo_to_dict(url)["dbname"]
    guarded = conninfo.make_conninfo(url, user="guarded", password=SECRET)
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(
                f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'; ALTER DATABASE {name} OWNER TO guarded"
            )
            await asyncio.to_thread(server.ask_password, "guarded")
            journal = await open_journal(url=guarded)
            told = Told(journal)
            owner.execute("ALTER ROLE guarded PASSWORD 'another'")
            with pytest.raises(
                ConfigError, match=r"password authentication failed.*\n.*password_file"
            ) as refused:
                await asyncio.to_thread(PostgresEngine(guarded, Path()).exists)
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'")
            async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
                asked = tasks.create_task(journal.hold(ME, "c1", reason="r"), name="asked")
                await told.wait("password authentication failed")
                assert not asked.done()
                owner.execute(f"ALTER ROLE guarded PASSWORD '{SECRET}'")
            await journal.close()
    finally:
        databases.drop_all()
    assert refused.value.exit_code == 78
    assert SECRET not in f"{told} {refused.value}"


async def test_a_password_that_is_changed_is_read_again_where_it_stands(server, databases, tmp_path):
    """Also by the listener and the watch of leases; before it stands there, it is waited for."""
    url = databases.make()
    name = conninfo.conninfo_to_dict(url)["dbname"]
    file = tmp_path / "database.password"
    file.touch(0o600)
    file.write_text(SECRET)
    guarded = conninfo.conninfo_to_dict(url) | {"user": "renewed"}
    address = database_address(f"postgresql://renewed@/{name}?host={guarded['host']}", file)
    (tmp_path / "state").mkdir()
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(
                f"CREATE ROLE renewed LOGIN PASSWORD '{SECRET}'; ALTER DATABASE {name} OWNER TO renewed"
            )
            await asyncio.to_thread(server.ask_password, "renewed")
            engine = engine_of(tmp_path / "state", address)
            async with asyncio.timeout(DEADLINE), engine.opened() as journal, asyncio.TaskGroup() as tasks:
                told = Told(journal)
                owner.execute("ALTER ROLE renewed PASSWORD 'another-one'")
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'renewed'"
                )
                asked = tasks.create_task(journal.hold(ME, "c1", reason="r"), name="asked")
                await told.wait("password authentication failed")
                assert not asked.done()
                file.write_text("another-one\n")
                await asked
                assert [hold.chat_id for hold in await journal.holds(ME)] == ["c1"]
                # Whoever begins with the old one in mind, too.
                assert await asyncio.to_thread(engine.exists)
    finally:
        databases.drop_all()
    assert "another-one" not in f"{told} {engine!r}"


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


async def test_who_is_frozen_behind_an_answer_keeps_nobody_waiting_for_ever(
    journal, open_journal, monkeypatch
):
    """The database must take the transaction for one that stands still, and not for one at work."""
    monkeypatch.setattr(session, "STILL_SECONDS", 1)
    frozen = await open_journal()
    connection = frozen._connections.take()
    session.begin(connection, frozen._process, lambda _: None)
    with contextlib.suppress(psycopg.Error), connection.pipeline() as pipeline:
        at_work = session.Session(connection, frozen._process, pipeline)
        assert at_work.run("pauses", {"identity": ME}).fetchall() == []
        async with asyncio.timeout(DEADLINE):
            await want(journal, 1)
    frozen._connections.give_back(connection)


async def test_who_stands_still_while_it_migrates_keeps_nobody_waiting_for_ever(
    new_url, open_journal, monkeypatch
):
    monkeypatch.setattr(schema, "STILL_SECONDS", 1)
    with contextlib.suppress(psycopg.Error), connected(new_url) as frozen, frozen.transaction():
        schema.begin(frozen)
        frozen.execute("CREATE TABLE delivery (half INT)")
        async with asyncio.timeout(DEADLINE):
            journal = await open_journal(new_url)
            await want(journal, 1)
    assert (await claim_one(journal)).wanted_seq == 1
    assert frozen.closed


@pytest.mark.parametrize("end", ["pg_terminate_backend(pg_backend_pid())", "pg_sleep(5)"])
def test_a_database_that_goes_away_while_it_is_looked_at_is_waited_for(end, url):
    """As one that was away before: not told as a mistake, with which an agent's start would end."""
    with pytest.raises(JournalAwayError), looking(url, kind=Impatient) as connection:
        connection.execute(f"SELECT {end}")


class Impatient(BoundedConnection):
    """A connection on which little is waited for."""

    silent_seconds = 0.5


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
