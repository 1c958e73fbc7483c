"""A journal on a real file, and the one that comes after it."""

from __future__ import annotations

import contextlib
import resource

import pytest

from mycel_runtime.journal.sqlite import log_sync
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.sqlite.reader import SqliteReader
from mycel_runtime.wire.ids import UserId
from tests.engines.store_clock import StoreClock


@pytest.fixture
def clock():
    """The store's, of all journals of a test."""
    return StoreClock()


@pytest.fixture
async def open_journal(tmp_path, clock):
    """Opens a journal in a folder, the test's own unless told; whatever is open at the end is closed."""
    async with contextlib.AsyncExitStack() as stack:

        def open_(folder=tmp_path):
            journal = SqliteJournal(folder, clock=clock)
            journal.open()
            stack.push_async_callback(journal.close)
            return journal

        yield open_


@pytest.fixture
def journal(open_journal):
    return open_journal()


@pytest.fixture
def reader(tmp_path, clock):
    """Looks into the journal, as another process does."""
    return SqliteReader(tmp_path / "journal.sqlite3", clock=clock)


@pytest.fixture
def turns(reader):
    """Reads the log of turns."""
    return lambda _journal: list(reader.turn_log(UserId("me")).turns())


@pytest.fixture
def successor(open_journal):
    """Ends a journal and opens the next one on the same file."""

    async def succeed(predecessor):
        await predecessor.close()
        return open_journal()

    return succeed


@pytest.fixture
def unplugged(journal, tmp_path, open_journal, monkeypatch):
    """Opens what is found after the power fails just now: the files as they were when the log was last synced."""

    def files():
        return {path.name: path.read_bytes() for path in tmp_path.glob("journal.sqlite3*")}

    found = files()
    # Of the writer's thread, which changes nothing meanwhile.
    monkeypatch.setattr(log_sync, "_sync", lambda _: found.update(files()))

    async def unplug():
        after = tmp_path / "after"
        after.mkdir()
        for name, content in found.items():
            if not name.endswith("-shm"):
                (after / name).write_bytes(content)
        return open_journal(after)

    return unplug


@pytest.fixture
def file_limit():
    """Bounds the size of every file that this process writes, for a block."""

    @contextlib.contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit
