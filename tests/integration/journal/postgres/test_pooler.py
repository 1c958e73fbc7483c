"""A journal behind a PgBouncer: where each session has a connection it works, else it is refused with the reason."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.postgres import pooler
from mycel_runtime.journal.postgres.connections import connected
from mycel_runtime.journal.postgres.database import PostgresDatabase
from mycel_runtime.journal.postgres.journal import PostgresJournal
from tests.engines.pgbouncer import PROGRAM, PgBouncer
from tests.engines.waker import EventWaker
from tests.integration.journal.samples import ME, happen

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer: apt-get install pgbouncer")

DEADLINE = 60.0


async def opened(url):
    journal = PostgresJournal(url, kept_turns=0)
    await asyncio.to_thread(journal.open)
    return journal


def test_the_database_itself_is_known_without_trying(url):
    def never():
        raise AssertionError

    with connected(url) as connection:
        assert not pooler.is_pooled(connection, never)


@needs_pgbouncer
@pytest.mark.parametrize(
    ("mode", "settings"),
    [("transaction", ""), ("transaction", "server_round_robin = 1\nmin_pool_size = 5\n"), ("statement", "")],
)
async def test_a_pooler_that_gives_no_sessions_is_refused_at_the_start(mode, settings, url, monkeypatch):
    monkeypatch.setattr(pooler, "HEARD_SECONDS", 0.5)
    with PgBouncer(url, mode, settings) as bouncer:
        with pytest.raises(JournalFileError, match=r"each transaction another.*\n.*pool_mode = session"):
            await opened(bouncer.url)
        if mode == "transaction":
            look = await asyncio.to_thread(PostgresDatabase(bouncer.url).look)
            assert look.is_pooled


@needs_pgbouncer
async def test_through_a_pooler_that_gives_sessions_one_hears_of_what_another_makes_due(url):
    with PgBouncer(url, "session", "ignore_startup_parameters = extra_float_digits\n") as bouncer:
        look = await asyncio.to_thread(PostgresDatabase(bouncer.url).look)
        assert not look.is_pooled
        journal, other = await opened(bouncer.url), await opened(url)
        try:
            waker = EventWaker()
            journal.on_work(ME, waker)
            assert await asyncio.to_thread(journal._listener.wait_until_ready, DEADLINE)
            async with asyncio.timeout(DEADLINE):
                for number in range(1, 9):
                    await happen(other, number)
                    while not (claimed := await journal.claim(ME, limit=1)):
                        await waker.woken.wait()
                        waker.woken.clear()
                    await journal.finish(claimed[0], CursorMove())
        finally:
            await journal.close()
            await other.close()
