"""The SQLite engine: the port's promises, who can read its files, and what a damaged file or a full disk costs."""

from __future__ import annotations

import os
import re

import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, ItemChange, NewTimer
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.conformance import JournalConformance
from tests.integration.journal.journal_file import database, modes
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim_one, entry, fill, want


class TestSqliteJournal(JournalConformance):
    """Every promise of the port."""


@pytest.fixture
def umask():
    """Everybody may read what does not say otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


async def test_nobody_else_can_read_the_journal(umask, tmp_path, open_journal):
    journal = open_journal()
    await want(journal, 1)

    names = ["journal.lock", "journal.sqlite3", "journal.sqlite3-shm", "journal.sqlite3-wal"]
    assert modes(tmp_path) == dict.fromkeys(names, 0o600)


async def test_a_journal_that_others_could_read_is_closed_to_them(umask, tmp_path, open_journal):
    """As one made by an earlier version, killed with its log beside it."""
    journal = open_journal()
    await want(journal, 1)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for path in tmp_path.glob("journal.sqlite3*"):
        (crashed / path.name).write_bytes(path.read_bytes())
    assert modes(crashed)["journal.sqlite3-wal"] == 0o644
    heir = open_journal(crashed)

    assert set(modes(crashed).values()) == {0o600}
    assert (await claim_one(heir)).wanted_seq == 1


@pytest.mark.parametrize("name", ["journal.lock", "journal.sqlite3"])
def test_a_file_that_cannot_be_opened_is_an_error_of_the_journal(tmp_path, name):
    (tmp_path / name).mkdir()

    with pytest.raises(JournalError, match=re.escape(name)):
        SqliteJournal(tmp_path).open()


async def test_a_damaged_page_is_an_error_of_what_reads_it(tmp_path, open_journal):
    journal = open_journal()
    await fill(journal)
    await append(journal, Batch(identity=ME, checkpoint=checkpoint(7)))
    await journal.close()
    with database(tmp_path) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'entry_by_seq'"
        ).fetchone()[0]
    with (tmp_path / "journal.sqlite3").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    damaged = open_journal()

    with pytest.raises(JournalError, match="SQLITE_CORRUPT"):
        await damaged.marks(ME, epoch=1, limit=10)
    assert await damaged.checkpoint(ME) == checkpoint(7)


async def test_a_full_disk_fails_the_append_whole_and_is_survived(journal, tmp_path, file_limit):
    await append(journal, Batch(identity=ME, checkpoint=checkpoint(1)))
    batch = Batch(identity=ME, arrivals=arrivals(*map(entry, range(1, 2000))), checkpoint=checkpoint(1999))
    with file_limit((tmp_path / "journal.sqlite3-wal").stat().st_size):
        with pytest.raises(JournalError):
            await append(journal, batch)
        assert await journal.checkpoint(ME) == checkpoint(1)

    assert await append(journal, batch) == 1999
    assert await journal.checkpoint(ME) == checkpoint(1999)


async def test_what_a_plugin_remembers_can_be_written_however_many_deliveries_there_were(journal, tmp_path):
    """Each hint takes an id, also one that changes nothing."""
    with database(tmp_path) as connection:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('delivery', ?)", (2**62,))
    await want(journal, 1)
    change = ItemChange(chat_id=None, key="k", value="1", made_from=0)

    ended = await journal.finish(
        await claim_one(journal), CursorMove(handled_seq=1), changes=Changes(items=(change,))
    )

    assert (await journal.items(ME, "p", chat_id=None))["k"].version == ended.versions[0] != 0


async def test_a_timer_that_is_put_off_keeps_its_place_in_the_index_until_that_time(journal, tmp_path):
    """Each message of a chat may put its timer off: moving it each time costs more than the timer itself."""

    async def planned(due_at):
        timer = NewTimer(name="t", key="k", due_at=due_at, data="null", is_relative=True)
        await journal.plan(ME, "p", Changes(timers=(timer,)))
        return places(tmp_path)

    assert await planned(10.0) == [(10.0, 10.0)]
    assert await planned(20.0) == [(10.0, 20.0)]
    assert await planned(15.0) == [(10.0, 15.0)]
    assert await at(journal, 9.0).timers_due(ME, names={("p", "t")}, limit=1) == []
    assert places(tmp_path) == [(10.0, 15.0)]
    assert await at(journal, 10.0).timers_due(ME, names={("p", "t")}, limit=1) == []
    assert places(tmp_path) == [(15.0, 15.0)]
    assert await planned(5.0) == [(5.0, 5.0)]


def places(folder):
    with database(folder) as connection:
        return connection.execute("SELECT look_at, due_at FROM timer").fetchall()
