"""Which databases are taken, what is told of them, and what text they keep."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, ItemChange
from mycel_runtime.journal.postgres.database import CONNECTIONS_EACH
from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.postgres.statements import MIGRATIONS
from mycel_runtime.journal.postgres.text_values import escaped, unescaped
from tests.engines.listening import append
from tests.integration.journal.samples import ME, arrivals, checkpoint, entry

SECRET = "not-for-anybody"


def opened(url):
    journal = PostgresJournal(url, kept_turns=0)
    journal.open()
    return journal


async def test_several_that_open_a_new_database_at_once_make_its_tables_once(new_url):
    journals = await asyncio.gather(
        *(asyncio.to_thread(opened, new_url + f" application_name=a{n}") for n in range(4))
    )
    for journal in journals:
        await journal.close()

    with psycopg.connect(new_url) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(len(MIGRATIONS),)]


async def test_a_process_has_few_connections_however_many_agents_it_has(url):
    journals = await asyncio.gather(*(asyncio.to_thread(opened, url) for _ in range(12)))
    await asyncio.gather(*(journal.holds(ME) for journal in journals))
    await asyncio.to_thread(journals[0]._listener.wait_until_ready, 60.0)
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    for journal in journals:
        await journal.close()

    assert count <= CONNECTIONS_EACH


async def test_a_database_of_a_newer_version_is_refused_unchanged(new_url):
    await (await asyncio.to_thread(opened, new_url)).close()
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute("UPDATE schema_version SET version = 99, serves = 98")

        with pytest.raises(
            JournalFileError, match=rf"version 99, this program knows {len(MIGRATIONS)}.*\n.*Upgrade"
        ):
            await asyncio.to_thread(opened, new_url)
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(99,)]


async def test_somebody_elses_database_is_refused_unchanged(new_url):
    with psycopg.connect(new_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")

        with pytest.raises(JournalFileError, match="no journal of mycel-runtime"):
            await asyncio.to_thread(opened, new_url)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("accounts",)]


async def test_one_that_cannot_be_reached_is_told_without_its_password(tmp_path):
    url = f"postgresql://agent:{SECRET}@127.0.0.1:1/journal"

    with pytest.raises(JournalError, match=r"PostgreSQL cannot be reached: .*127\.0\.0\.1") as caught:
        await asyncio.to_thread(opened, url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert SECRET not in repr(PostgresJournal(url, kept_turns=0))


async def test_an_error_quotes_no_row(journal):
    """PostgreSQL's own words do, in their details."""
    wrong = entry(1)._replace(raw=SECRET, kind=None)

    with pytest.raises(JournalError, match="NotNullViolation 23502: entry kind") as caught:
        await append(journal, Batch(identity=ME, arrivals=arrivals(wrong)))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_text_that_postgresql_refuses_is_kept_as_it_was(journal):
    """A malformed frame may hold anything; refused, it would come again and again."""
    key = "a\0b\x1a0"
    item = ItemChange(chat_id=None, key=key, value='"v"', made_from=None)
    await journal.plan(ME, "p", Changes(items=(item,)))
    frame = entry(1)._replace(raw="{\0}", fingerprint="\0")
    await append(journal, Batch(identity=ME, arrivals=arrivals(frame), checkpoint=checkpoint(1)))

    assert list(await journal.items(ME, "p", chat_id=None)) == [key]
    assert (await journal.marks(ME, epoch=1, limit=1))[1].fingerprint == "\0"


@given(st.text(alphabet="\0\x1a01x"))
def test_every_text_comes_back(text):
    assert unescaped(escaped(text)) == text
    assert "\0" not in escaped(text)


async def test_many_frames_are_one_statement(journal, url):
    """And so a few round trips, however many there are."""
    lease = await journal.lease(ME)
    executed = []
    execute = psycopg.Connection.execute

    def counted(connection, query, *arguments, **options):
        executed.append((connection, str(query)))
        return execute(connection, query, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", counted)
        batch = Batch(identity=ME, arrivals=arrivals(*map(entry, range(1, 501))), checkpoint=checkpoint(500))
        assert await journal.append(batch, lease=lease) == 500

    # To begin, the lease, the entries, the mark, the checkpoint, the commit, the disk.
    assert len(transaction_of("INSERT INTO entry", executed)) == 7


def transaction_of(statement, executed):
    """What was executed with this one: a beat may come between, on another connection or behind it."""
    place, connection = next(
        (place, connection) for place, (connection, query) in enumerate(executed) if statement in query
    )
    begin = max(
        number
        for number, (own, query) in enumerate(executed[:place])
        if own is connection and "BEGIN" in query
    )
    own = [query for own, query in executed[begin:] if own is connection]
    end = next((number for number, query in enumerate(own[1:], 1) if "BEGIN" in query), len(own))
    return own[:end]
