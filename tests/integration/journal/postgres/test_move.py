"""An agent's journal from its file into a database, and back: nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys

import psycopg
import pytest
from click.testing import CliRunner

from mycel_runtime.checks.journal import journal_findings
from mycel_runtime.cli.engine import engine
from mycel_runtime.errors import IdentityHeldError, JournalFileError, JournalMovedError, JournalMoveError
from mycel_runtime.journal.postgres import transfer as postgres_transfer
from mycel_runtime.journal.postgres.engine import PostgresEngine
from mycel_runtime.journal.sqlite import transfer as sqlite_transfer
from mycel_runtime.journal.sqlite.engine import SqliteEngine
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.transfer import NUMBERED, ONE_SIDED, common_columns, move
from mycel_runtime.wire.ids import UserId
from tests.engines.postgres_server import as_url
from tests.engines.store_clock import StoreClock
from tests.integration.journal.released.make import fill
from tests.integration.journal.samples import ME, claim_one, want

OTHER = UserId("other")


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def file(state):
    return SqliteEngine(state)


@pytest.fixture
def database(url, state):
    return PostgresEngine(url, state)


@pytest.fixture
def filled(state):
    """A journal at rest with something in each table."""

    async def make():
        journal = SqliteJournal(state, clock=StoreClock())
        journal.open()
        await fill(journal)
        # As of a process that is killed.
        await journal.abandon()

    asyncio.run(make())
    with opened(state) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith("sqlite_") and table not in sqlite_transfer.OWN:
                add_row_if_empty(connection, table)
    return state


def opened(state):
    return contextlib.closing(sqlite3.connect(state / "journal.sqlite3", isolation_level=None))


def add_row_if_empty(connection, table):
    if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
        return
    (entry_id,) = connection.execute("SELECT max(entry_id) FROM entry").fetchone()
    special = {
        "identity": ME,
        "entry_id": entry_id,
        "utterance_id": entry_id,
        "state": "open",
        "on_conflict": "wait",
    }
    special["kind"] = "chat"
    columns = connection.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall()
    values = {"TEXT": "t", "INTEGER": 7, "REAL": 1.5}
    row = [special.get(name, values[kind]) for name, kind in columns]
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def rows_of(state):
    with opened(state) as connection:
        return {
            table: sorted(map(repr, connection.execute(f"SELECT {', '.join(columns)} FROM {table}")))
            for table, columns in sqlite_transfer.SqliteDeparture(connection).columns().items()
        }


def test_each_table_and_column_of_both_engines_is_copied_or_said_to_be_one_sided(file, database):
    """Whoever adds one says here, or in `ONE_SIDED`, what becomes of it."""
    with file.arrival() as one, database.arrival() as other:
        columns = common_columns(one.columns(), other.columns())
        all_columns = {
            (table, name) for end in (one, other) for table in end.columns() for name in end.columns()[table]
        }

    assert {
        (table, name) for table, names in columns.items() for name in names
    } == all_columns - ONE_SIDED.keys()
    assert all("identity" in names for names in columns.values())
    texts = {"chat_id", "message_id", "user_id", "process_id"}
    assert {name for _, name in all_columns if name.endswith("_id")} == NUMBERED.keys() | texts


def test_what_only_one_engine_has_is_an_error():
    both = {"entry": ["identity"]}
    with pytest.raises(JournalMoveError, match=r"only one of both engines has entry\.new"):
        common_columns({"entry": ["identity", "new"]}, both)
    with pytest.raises(JournalMoveError, match=r"has new\.identity"):
        common_columns(both, both | {"new": ["identity"]})


def test_there_and_back_every_row_is_as_it_was(filled, file, database, url):
    before = rows_of(filled)
    counts = move(file, database, filled, identity=None)
    assert counts == {table: len(rows) for table, rows in before.items()}
    assert min(counts.values()) > 0

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM moved").fetchone() == (0,)
    assert move(database, file, filled, identity=ME) == counts
    assert rows_of(filled) == before
    assert (filled / "journal.sqlite3").stat().st_mode & 0o777 == 0o600
    (kept,) = filled.glob("journal.before-move-*")
    assert (kept / "journal.sqlite3").exists()
    assert not list(filled.glob(".journal*"))

    # And again, over what was left there.
    assert move(file, database, filled, identity=None) == counts
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT DISTINCT identity FROM entry").fetchall() == [(ME,)]


async def test_what_was_left_is_refused_by_all_who_want_to_work_there(filled, file, database, url, tmp_path):
    move(file, database, filled, identity=None)
    for refused in (file.inspect, file.reader.identities, file.opened().__aenter__):
        with pytest.raises(JournalMovedError, match=r"moved to PostgreSQL .*\n.*\[engine\]"):
            await refused() if refused.__name__ == "__aenter__" else refused()
    async with database.opened() as journal:
        await journal.recover(ME)
        assert await journal.claim(ME, limit=1)

    move(database, file, filled, identity=ME)
    there = tmp_path / "there"
    there.mkdir()
    async with PostgresEngine(url, there).opened() as journal:
        for verb in (journal.lease, journal.recover, journal.take_over):
            with pytest.raises(JournalMovedError, match=r"moved to .*/journal\.sqlite3 \(host .+\) on "):
                await verb(ME)
        assert await journal.claim(ME, limit=10) == []
    async with file.opened() as journal:
        await journal.recover(ME)
        assert await journal.claim(ME, limit=1)


def test_a_program_from_before_moves_refuses_the_file_that_was_left(filled, file, database):
    """By its application id, which is no journal's."""
    move(file, database, filled, identity=None)
    with opened(filled) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] not in {0, 0x4D59434C}


async def test_a_start_in_the_database_beside_a_file_that_was_not_moved_is_refused(filled, file, database):
    """It would begin anew, and what is due in the file would never be done. Who checks the set-up is told before."""
    with pytest.raises(JournalFileError, match=r"was not moved.*\n.*engine move --config FILE --to postgres"):
        await database.opened().__aenter__()
    (found,) = journal_findings(database)
    assert (found.exit_code, "was not moved" in found.text) == (JournalFileError.exit_code, True)
    move(file, database, filled, identity=None)
    assert [found.level for found in journal_findings(database)] == ["ok"]
    async with database.opened() as journal:
        assert await journal.lease(ME)


async def test_other_agents_of_the_database_are_let_alone_and_no_number_is_theirs(
    filled, file, database, tmp_path, url
):
    there = tmp_path / "there"
    there.mkdir()
    async with PostgresEngine(url, there).opened() as journal:
        for seq in range(1, 4):
            await want(journal, seq, identity=OTHER)
        before = [each async for each in _rows(url, OTHER)]
        counts = await asyncio.to_thread(lambda: move(file, database, filled, identity=None))
        assert [each async for each in _rows(url, OTHER)] == before

        await want(journal, 9, identity=OTHER)
        assert (await claim_one(journal, identity=OTHER)).lane == "chat:c"
    assert await asyncio.to_thread(lambda: move(database, file, filled, identity=ME)) == counts


async def _rows(url, identity):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        for table in ("entry", "delivery"):
            cursor = await connection.execute(f"SELECT * FROM {table} WHERE identity = %s", (identity,))
            for row in await cursor.fetchall():
                yield row


def test_new_numbers_are_above_all_that_were_moved(filled, file, database):
    with opened(filled) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'delivery'")
    move(file, database, filled, identity=None)

    async def work():
        async with database.opened() as journal:
            await want(journal, 1, chat="new")
            return max(item.delivery_id for item in await journal.work(ME, limit=1000))

    assert asyncio.run(work()) > 1000


async def test_whoever_has_it_open_keeps_it(filled, file, database):
    async with file.opened():
        with pytest.raises(IdentityHeldError):
            move(file, database, filled, identity=None)
    move(file, database, filled, identity=None)
    async with database.opened():
        with pytest.raises(IdentityHeldError):
            move(database, file, filled, identity=ME)


async def test_a_process_elsewhere_that_listens_keeps_it(filled, file, database, url, tmp_path):
    move(file, database, filled, identity=None)
    there = tmp_path / "there"
    there.mkdir()
    async with PostgresEngine(url, there).opened() as journal:
        lease = await journal.lease(ME)
        with pytest.raises(IdentityHeldError, match="engine bury"):
            await asyncio.to_thread(lambda: move(database, file, filled, identity=ME))
        await journal.release(lease)
        assert await asyncio.to_thread(lambda: move(database, file, filled, identity=ME))


def test_a_second_journal_of_the_agent_is_refused_and_both_are_as_they_were(filled, file, database):
    aside = filled / "journal.sqlite3"
    hidden = aside.rename(filled / "aside")

    async def work():
        async with database.opened() as journal:
            await want(journal, 1)

    asyncio.run(work())
    hidden.rename(aside)
    for source, target in ((file, database), (database, file)):
        with pytest.raises(JournalMoveError, match="a journal of this agent already"):
            move(source, target, filled, identity=ME)
    assert file.inspect()
    aside.unlink()
    asyncio.run(work())


def test_nothing_to_move_is_told(state, file, database):
    for source, target in ((file, database), (database, file)):
        with pytest.raises(JournalMoveError, match="Run the agent first"):
            move(source, target, state, identity=ME)
    with pytest.raises(JournalMoveError, match=r"no agent's journal.*\n.*--identity"):
        move(database, file, state, identity=None)


class KilledError(BaseException):
    """In the place of a signal: nothing of the steps after it is done."""


@pytest.mark.parametrize("step", ["deposit", "leave", "arrive"])
@pytest.mark.parametrize("aim", ["postgres", "sqlite"])
async def test_whoever_dies_before_a_step_leaves_it_on_one_side_at_most_and_the_next_run_ends_it(
    filled, file, database, monkeypatch, step, aim
):
    before = rows_of(filled)
    source, target = file, database
    if aim == "sqlite":
        move(file, database, filled, identity=None)
        source, target = database, file

    def die(_end, *_arguments):
        raise KilledError

    with monkeypatch.context() as patch:
        for end in (postgres_transfer.PostgresArrival, sqlite_transfer.SqliteArrival):
            patch.setattr(end, step, die, raising=False)
        for end in (postgres_transfer.PostgresDeparture, sqlite_transfer.SqliteDeparture):
            patch.setattr(end, step, die, raising=False)
        with pytest.raises(KilledError):
            await asyncio.to_thread(lambda: move(source, target, filled, identity=ME))
    started = [await can_start(source), await can_start(target)]
    assert started == [step != "arrive", False]
    if (step, aim) == ("arrive", "postgres"):
        async with database.opened() as journal:
            with pytest.raises(JournalMovedError, match="on its way here"):
                await journal.lease(ME)

    await asyncio.to_thread(lambda: move(source, target, filled, identity=ME))
    assert [await can_start(source), await can_start(target)] == [False, True]
    if aim == "postgres":
        await asyncio.to_thread(lambda: move(database, file, filled, identity=ME))
    assert counts_of(rows_of(filled)) == counts_of(before)


KILLED = """
import sys, time
from pathlib import Path
from mycel_runtime.journal.postgres import transfer as postgres
from mycel_runtime.journal.postgres.engine import PostgresEngine
from mycel_runtime.journal.sqlite import transfer as sqlite
from mycel_runtime.journal.sqlite.engine import SqliteEngine
from mycel_runtime.journal.transfer import move

def stop(*_):
    print("half", flush=True)
    time.sleep(60)

for end in (postgres.PostgresArrival, sqlite.SqliteArrival):
    end.count = stop
state = Path(sys.argv[1])
ends = [SqliteEngine(state), PostgresEngine(sys.argv[2], state)]
move(*(ends if sys.argv[3] == "postgres" else reversed(ends)), state, identity=sys.argv[4])
"""


@pytest.mark.slow
@pytest.mark.parametrize("aim", ["postgres", "sqlite"])
def test_whoever_is_killed_in_the_middle_has_changed_nothing(filled, file, database, url, aim):
    """By SIGKILL, when all rows were put down and none is committed."""
    before = rows_of(filled)
    source, target = file, database
    if aim == "sqlite":
        move(file, database, filled, identity=None)
        source, target = database, file
    command = [sys.executable, "-c", KILLED, str(filled), url, aim, ME]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
        try:
            assert killed.stdout.readline() == b"half\n"
        finally:
            killed.kill()
    assert [asyncio.run(can_start(engine)) for engine in (source, target)] == [True, False]

    assert move(source, target, filled, identity=ME) == counts_of(before)


def counts_of(rows):
    return {table: len(found) for table, found in rows.items()}


async def can_start(engine):
    """Whether there is work of the agent, and it may be done."""
    with contextlib.suppress(JournalFileError):
        async with engine.opened() as journal:
            if ME not in await asyncio.to_thread(engine.reader.identities):
                return False
            await journal.release(await journal.lease(ME))
            return True
    return False


def run(config, *arguments, code=0):
    command = ["move", "--config", str(config), *map(str, arguments)]
    result = CliRunner().invoke(engine, command, standalone_mode=False)
    assert (getattr(result.exception, "exit_code", 70) if result.exception else 0) == code, result.exception
    return result


def test_the_command_tells_what_it_has_moved_and_what_to_change(filled, url, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nname = "a"\nbase_url = "embedded"\nstate_dir = "{filled}"\nuser_id = "{ME}"\n[plugins.echo]\n'
    )
    refused = run(config, "--to", "postgres", code=78)
    assert "names no database" in str(refused.exception)

    told = run(config, "--to", "postgres", "--url", as_url(url))
    assert "counted on both sides\n" in told.stdout
    assert "\n  delivery  " in told.stdout
    assert 'set [engine] url = "postgresql://' in told.stderr
    again = run(config, "--to", "postgres", "--url", as_url(url))
    assert "already\n" in again.stdout

    back = json.loads(run(config, "--to", "sqlite", "--url", as_url(url), "--json").stdout)
    assert back["to"] == str(filled / "journal.sqlite3")
    assert back["rows"]["delivery"] > 0
