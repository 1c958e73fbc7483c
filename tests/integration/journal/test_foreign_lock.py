"""Somebody else locks the database, a backup for example: it is waited for and told, and costs what waits at most."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.journal.journal_file import database
from tests.integration.journal.samples import claim, want


@pytest.fixture
def impatient(monkeypatch):
    """A lock is told after 20 ms."""
    monkeypatch.setattr("mycel_runtime.journal.sqlite.writing_connection.BUSY_TIMEOUT_MS", 20)


class Told:
    """What is said of a lock, from another thread."""

    def __init__(self):
        self.said = []
        self._heard = threading.Event()

    def __call__(self, seconds):
        self.said.append(seconds)
        self._heard.set()

    async def first(self):
        assert await asyncio.to_thread(self._heard.wait, 10)


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_foreign_write_lock_is_waited_for_and_told(impatient, tmp_path, open_journal, is_open):
    """While it works, and at the start."""
    await open_journal().close()
    told = Told()
    journal = SqliteJournal(tmp_path, on_lock=told)
    if is_open:
        journal.open()
    with database(tmp_path) as backup:
        backup.execute("BEGIN IMMEDIATE")
        async with asyncio.TaskGroup() as tasks:
            work = want(journal, 5) if is_open else asyncio.to_thread(journal.open)
            tasks.create_task(work, name="work")
            await told.first()
            assert told.said == [None]
            backup.execute("COMMIT")

    assert len(await claim(journal)) == is_open
    assert (len(told.said), 0 < told.said[1] < 10) == (2, True)
    await journal.close()


async def test_a_lock_that_is_never_let_go_fails_what_waits_at_once_and_the_next_goes_on(
    impatient, tmp_path, open_journal, monkeypatch
):
    monkeypatch.setattr("mycel_runtime.journal.sqlite.writer.LOCK_SECONDS", 0.1)
    journal = open_journal()
    with database(tmp_path) as backup:
        backup.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(2):
            failed = await asyncio.gather(
                *(want(journal, 5, chat=str(number)) for number in range(50)), return_exceptions=True
            )
        backup.execute("COMMIT")

    assert {type(error) for error in failed} == {JournalError}
    await want(journal, 5)
    assert len(await claim(journal)) == 1
