"""Who waits for the disk and who does not, and what a sync that fails costs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading

import pytest

from mycel_runtime.errors import JournalError, JournalFullError
from mycel_runtime.journal.sqlite.writer import Writer

DEADLINE = 60.0


class Syncs:
    """Each sync of the log: how often; it fails, or stands until it is let go, when it should."""

    def __init__(self):
        self.count = 0
        self.error = None
        self.happened, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def sync(self, _descriptor):
        self.count += 1
        self.happened.set()
        assert self.gate.wait(DEADLINE)
        if self.error is not None:
            raise self.error


@pytest.fixture
def syncs(monkeypatch):
    syncs = Syncs()
    monkeypatch.setattr("mycel_runtime.journal.sqlite.log_sync._sync", syncs.sync)
    return syncs


@pytest.fixture
async def open_writer(tmp_path):
    """Opens one by which what nobody waits for is due so soon."""
    async with contextlib.AsyncExitStack() as stack:

        def open_(soon):
            prepare = "CREATE TABLE IF NOT EXISTS note (note TEXT NOT NULL UNIQUE)"
            writer = Writer(
                tmp_path / "notes.sqlite3",
                lambda connection: connection.execute(prepare),
                restart_log=lambda _: True,
                end_log=lambda _: None,
                soon=soon,
            )
            writer.open()
            stack.push_async_callback(writer.close)
            return writer

        yield open_


def note(text):
    return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (text,)).rowcount


def notes_of(connection):
    return {row[0] for row in connection.execute("SELECT note FROM note")}


async def test_one_sync_serves_all_commits_before_it(open_writer, syncs):
    writer = open_writer(soon=DEADLINE)
    for number in range(10):
        await writer.commit(note(f"{number}"))
    assert syncs.count == 0
    await writer.submit(note("last"))

    assert syncs.count == 1
    assert len(await writer.commit(notes_of)) == 11


async def test_what_changes_nothing_is_not_synced_but_waits_for_what_did(open_writer, syncs):
    writer = open_writer(soon=DEADLINE)
    await writer.submit(notes_of)
    assert syncs.count == 0
    await writer.commit(note("a"))
    await writer.submit(notes_of)

    assert syncs.count == 1


async def test_who_does_not_wait_for_the_disk_is_told_before_the_sync(open_writer, syncs):
    writer = open_writer(soon=DEADLINE)
    syncs.gate.clear()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        durable = tasks.create_task(writer.submit(note("durable")), name="durable")
        assert await writer.commit(note("ordered")) == 1
        assert await asyncio.to_thread(syncs.happened.wait, DEADLINE)
        assert not durable.done()
        syncs.gate.set()

    assert durable.result() == 1


async def test_what_nobody_waits_for_is_synced_soon(open_writer, syncs):
    writer = open_writer(soon=0.001)
    await writer.commit(note("a"))

    assert await asyncio.to_thread(syncs.happened.wait, DEADLINE)
    await writer.close()
    assert syncs.count == 1


async def test_what_is_committed_is_synced_when_the_writer_is_closed(open_writer, syncs):
    writer = open_writer(soon=DEADLINE)
    await writer.commit(note("a"))
    await writer.close()

    assert syncs.count == 1


async def test_a_sync_that_has_failed_is_never_believed_again(open_writer, syncs):
    """The system forgets what it could not write, and the next sync would succeed without it."""
    writer = open_writer(soon=DEADLINE)
    syncs.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(JournalError, match="Input/output error"):
        await writer.submit(note("a"))
    syncs.error = None

    with pytest.raises(JournalError, match="Input/output error"):
        await writer.submit(note("b"))
    assert syncs.count == 1


async def test_a_sync_that_nobody_waits_for_fails_whoever_comes_next(open_writer, syncs):
    writer = open_writer(soon=0.001)
    syncs.error = OSError(errno.ENOSPC, "No space left on device")
    await writer.commit(note("a"))
    assert await asyncio.to_thread(syncs.happened.wait, DEADLINE)

    async def go_on():
        async with asyncio.timeout(DEADLINE):
            while True:
                await writer.commit(notes_of)

    with pytest.raises(JournalFullError, match="No space left"):
        await go_on()
