"""A journal in a database of its own, and the one that comes after it."""

from __future__ import annotations

import asyncio
import contextlib
import os

import psycopg
import pytest

from mycel_runtime.journal.postgres.journal import PostgresJournal
from mycel_runtime.journal.postgres.reader import PostgresReader
from tests.engines.postgres_server import VARIABLE, Databases, PostgresServer


@pytest.fixture(scope="session")
def server():
    """One for all tests of a process that want to stop it, too: not one that a variable names."""
    if VARIABLE in os.environ:
        pytest.skip(f"{VARIABLE} names a server that is not ours to stop")
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def server_url(request):
    """Of the server that a variable names, else of our own."""
    return os.environ.get(VARIABLE) or request.getfixturevalue("server").url


@pytest.fixture(scope="session")
def databases(server_url):
    return Databases(server_url)


@pytest.fixture
def url(databases):
    """Of an empty database."""
    return databases.make_used()


@pytest.fixture
def new_url(databases):
    """Of a new database, in which nothing was made yet."""
    yield databases.make()
    databases.drop_all()


@pytest.fixture
async def open_journal(url, clock):
    """Opens a journal; whatever is open at the end is closed."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_(url=url, **options):
            journal = PostgresJournal(url, kept_turns=10_000, **{"clock": clock} | options)
            await asyncio.to_thread(journal.open)
            stack.push_async_callback(journal.close)
            return journal

        yield open_


@pytest.fixture
async def journal(open_journal):
    return await open_journal()


@pytest.fixture
def successor(open_journal):
    """Ends a journal and opens the next one on the same database."""

    async def succeed(predecessor):
        await predecessor.close()
        return await open_journal()

    return succeed


@pytest.fixture
def reader(url, clock):
    """Looks into the journal, as another process does."""
    return PostgresReader(url, clock=clock)


@pytest.fixture
def unplugged(journal, url, server, open_journal):
    """
    Opens what is found after the power fails just now: what the database had brought to its disk.

    The process of before is one of a machine that has been started since.
    """

    async def unplug():
        with psycopg.connect(url) as connection:
            (flushed,) = connection.execute("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn").fetchone()
        server.stop("immediate")
        server.cut_log(int(flushed))
        server.start()
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE process SET boot_id = 'before'")
        return await open_journal()

    return unplug
