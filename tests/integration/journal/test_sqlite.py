"""The SQLite engine: the port's promises, and what is the file's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from importlib import resources

import pytest

from mycel_runtime.errors import IdentityHeldError, JournalError, JournalFileError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, ItemChange
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.reader import (
    read_dead_letters,
    read_items,
    read_stores,
    read_timers,
    read_unresolved,
)
from mycel_runtime.journal.schema import APPLICATION_ID
from mycel_runtime.journal.sqlite import SqliteJournal
from tests.integration.journal.conformance import JournalConformance
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim, claim_one, entry, want

MIGRATIONS = sorted(
    file.name
    for file in (resources.files("mycel_runtime.journal") / "sql" / "migrations").iterdir()
    if file.name.endswith(".sql")
)


READERS = (read_dead_letters, read_unresolved, read_stores, read_items, read_timers)
"""While the daemon is down, be it that it has not run since an upgrade."""


class TestSqliteJournal(JournalConformance):
    """Every promise of the port."""


@pytest.fixture
def umask():
    """Everybody may read what does not say otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def database(folder):
    """The journal's file, opened by somebody else."""
    return contextlib.closing(sqlite3.connect(folder / "journal.sqlite3", isolation_level=None))


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def fill(journal, entries=400):
    numbered = (entry(seq, fingerprint="f" * 200) for seq in range(1, entries + 1))
    await journal.append(Batch(identity=ME, arrivals=arrivals(*numbered)), now=0.0)


HOLDER = """
import sys
from pathlib import Path
from mycel_runtime.journal.sqlite import SqliteJournal
SqliteJournal(Path(sys.argv[1])).open()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the journal open."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def test_a_journal_held_by_another_process_is_refused_with_its_pid(holder, tmp_path):
    with pytest.raises(IdentityHeldError, match=rf"\(pid {holder.pid}\)"):
        SqliteJournal(tmp_path).open()


async def test_a_dead_holder_holds_nothing(holder, tmp_path, open_journal):
    holder.kill()
    holder.wait()

    open_journal()
    assert (tmp_path / "journal.lock").read_text() == f"pid {os.getpid()}\n"


async def test_a_journal_is_held_within_a_process_too(journal, tmp_path):
    with pytest.raises(IdentityHeldError):
        SqliteJournal(tmp_path).open()


async def test_a_journal_that_could_not_be_opened_is_not_held(tmp_path, open_journal):
    (tmp_path / "journal.sqlite3").write_bytes(b"no database at all" * 100)
    for _ in range(2):
        with pytest.raises(JournalFileError, match="SQLITE_NOTADB"):
            SqliteJournal(tmp_path).open()
    (tmp_path / "journal.sqlite3").unlink()

    open_journal()


@pytest.mark.parametrize("name", ["journal.lock", "journal.sqlite3"])
def test_a_file_that_cannot_be_opened_is_an_error_of_the_journal(tmp_path, name):
    (tmp_path / name).mkdir()

    with pytest.raises(JournalError, match=re.escape(name)):
        SqliteJournal(tmp_path).open()


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


async def test_a_journal_of_a_newer_version_is_refused_untouched(tmp_path, journal):
    await journal.close()
    with database(tmp_path) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = (tmp_path / "journal.sqlite3").read_bytes()

    with pytest.raises(JournalFileError, match=f"version 999, this program knows {len(MIGRATIONS)}"):
        SqliteJournal(tmp_path).open()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before


def copy(folder, target, *names):
    """Raw, as `cp` does it."""
    target.mkdir(exist_ok=True)
    for name in names:
        (target / name).write_bytes((folder / name).read_bytes())
    return target


FILE, LOG = "journal.sqlite3", "journal.sqlite3-wal"


def refused(folder):
    """What is said of it; what is there stays as it is."""
    before = {name: (folder / name).read_bytes() for name in (FILE, LOG) if (folder / name).exists()}
    with pytest.raises(JournalFileError) as error:
        SqliteJournal(folder).open()
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert error.value.where == str(folder / FILE)
    assert error.value.fix
    return error.value.problem


async def test_a_file_that_was_copied_without_its_log_is_refused(journal, tmp_path):
    await want(journal, 5)

    assert "without its log" in refused(copy(tmp_path, tmp_path / "copy", FILE))


async def test_a_file_that_was_put_over_another_ones_log_is_refused(tmp_path, open_journal):
    """SQLite would copy the log into it, page by page."""
    theirs, crashed = open_journal(tmp_path), tmp_path / "crashed"
    crashed.mkdir()
    other = open_journal(crashed)
    await fill(theirs)
    await fill(other)
    await want(other, 5)
    mixed = copy(crashed, tmp_path / "mixed", LOG)
    copy(tmp_path, mixed, FILE)
    assert "another file's" in refused(mixed)
    await theirs.close()
    copy(tmp_path, mixed, FILE)
    assert "another file's" in refused(mixed)
    (mixed / LOG).unlink()

    assert len(await open_journal(mixed).marks(ME, epoch=1, limit=1000)) == 400


async def test_an_older_copy_of_a_file_is_not_beside_its_newer_log(
    journal, tmp_path, monkeypatch, open_journal
):
    await fill(journal)
    older = copy(tmp_path, tmp_path / "copy", FILE)
    await journal.close()
    journal = open_journal()
    await want(journal, 5)
    copy(tmp_path, older, LOG)

    assert "another file's" in refused(older)


async def test_a_file_that_is_emptied_beside_its_log_is_refused(journal, tmp_path):
    await want(journal, 5)
    emptied = copy(tmp_path, tmp_path / "copy", LOG)
    (emptied / FILE).touch()

    assert "empty" in refused(emptied)


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_copy_by_sqlites_own_means_is_a_journal(journal, tmp_path, open_journal, is_whole):
    """While it is written; and both files together, as a killed process leaves them."""
    await want(journal, 5)
    backup = tmp_path / "backup"
    if is_whole:
        backup.mkdir()
        with database(tmp_path) as source, database(backup) as target:
            source.backup(target)
    else:
        copy(tmp_path, backup, FILE, LOG)

    assert (await claim_one(open_journal(backup))).wanted_seq == 5


async def test_the_log_is_bounded_and_each_one_tied_to_the_file(journal, tmp_path, monkeypatch, open_journal):
    monkeypatch.setattr(journal._writer, "_log_limit", 25)
    monkeypatch.setattr("mycel_runtime.journal.writer.LOG_PAGES", 25)
    for number in range(10):
        numbered = (entry(seq, fingerprint="f" * 200) for seq in range(number * 100, (number + 1) * 100))
        await journal.append(Batch(identity=ME, arrivals=arrivals(*numbered)), now=0.0)
        # By the writer itself, so that no log is copied into the file meanwhile: a process that dies leaves no page
        # of an earlier moment than others.
        target = tmp_path / f"crashed{number}"
        crashed = await journal._writer.submit(lambda _, to=target: copy(tmp_path, to, FILE, LOG))
        assert len(await open_journal(crashed).marks(ME, epoch=1, limit=2000)) == (number + 1) * 100

    assert (tmp_path / LOG).stat().st_size < 300_000
    assert (tmp_path / FILE).stat().st_size > 200_000
    assert "without its log" in refused(copy(tmp_path, tmp_path / "copy", FILE))


async def test_the_log_grows_while_somebody_reads_it_and_begins_anew_later(
    journal, tmp_path, monkeypatch, open_journal
):
    monkeypatch.setattr("mycel_runtime.journal.writer.LOG_PAGES", 12)
    monkeypatch.setattr(journal._writer, "_log_limit", 12)
    await journal._writer.submit(lambda connection: connection.execute("PRAGMA busy_timeout = 1"))
    with database(tmp_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        await fill(journal)
        await want(journal, 4)
        before = (tmp_path / FILE).stat().st_size
        open_journal(copy(tmp_path, tmp_path / "crashed", FILE, LOG))
        reader.execute("COMMIT")
    for number in range(100):
        await want(journal, 5 + number)

    assert journal._writer._log_limit == 12
    assert (tmp_path / FILE).stat().st_size > before


@pytest.fixture
def impatient(monkeypatch):
    """A lock is told after 20 ms."""
    monkeypatch.setattr("mycel_runtime.journal.writer.BUSY_TIMEOUT_MS", 20)


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
    monkeypatch.setattr("mycel_runtime.journal.writer.LOCK_SECONDS", 0.1)
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


def test_somebody_elses_database_is_refused_untouched(tmp_path):
    with database(tmp_path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    (tmp_path / "journal.sqlite3").chmod(0o644)
    before = (tmp_path / "journal.sqlite3").read_bytes()

    with pytest.raises(JournalFileError, match="not a mycel-runtime journal"):
        SqliteJournal(tmp_path).open()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before
    assert modes(tmp_path) == {"journal.lock": 0o600, "journal.sqlite3": 0o644}


async def test_a_damaged_page_is_an_error_of_what_reads_it(tmp_path, open_journal):
    journal = open_journal()
    await fill(journal)
    await journal.append(Batch(identity=ME, checkpoint=checkpoint(7)), now=0.0)
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
    await journal.append(Batch(identity=ME, checkpoint=checkpoint(1)), now=0.0)
    batch = Batch(identity=ME, arrivals=arrivals(*map(entry, range(1, 2000))), checkpoint=checkpoint(1999))
    with file_limit((tmp_path / "journal.sqlite3-wal").stat().st_size):
        with pytest.raises(JournalError):
            await journal.append(batch, now=0.0)
        assert await journal.checkpoint(ME) == checkpoint(1)

    assert await journal.append(batch, now=0.0) == 1999
    assert await journal.checkpoint(ME) == checkpoint(1999)


async def test_a_new_journal_has_been_through_every_migration(journal, tmp_path):
    await journal.close()

    with database(tmp_path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_what_a_plugin_remembers_can_be_written_however_many_deliveries_there_were(journal, tmp_path):
    """Each hint takes an id, also one that changes nothing."""
    with database(tmp_path) as connection:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('delivery', ?)", (2**62,))
    await want(journal, 1)
    change = ItemChange(chat_id=None, key="k", value="1", made_from=0)

    ended = await journal.finish(
        await claim_one(journal), CursorMove(handled_seq=1), now=0.0, changes=Changes(items=(change,))
    )

    assert (await journal.items(ME, "p", chat_id=None))["k"].version == ended.versions[0] != 0


def test_migrations_are_numbered_without_a_gap():
    assert [int(name.split("_")[0]) for name in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
async def test_a_journal_of_every_earlier_version_becomes_as_a_new_one(tmp_path, open_journal, version):
    """Version 0 is a file that was made and never written."""
    old = tmp_path / "old"
    old.mkdir()
    folder = resources.files("mycel_runtime.journal") / "sql" / "migrations"
    with database(old) as connection:
        for name in MIGRATIONS[:version]:
            connection.executescript((folder / name).read_text())
        if version:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO checkpoint VALUES ('me', 'server', 1, 0)")
        connection.execute(f"PRAGMA user_version = {version}")
    assert not any(read(old / "journal.sqlite3") for read in READERS)
    await open_journal(old).close()
    await open_journal(tmp_path).close()

    with database(old) as migrated, database(tmp_path) as new:
        schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        assert migrated.execute(schema).fetchall() == new.execute(schema).fetchall()
        assert migrated.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


@pytest.mark.parametrize("version", [1, 7])
def test_a_journal_from_before_the_first_release_is_refused_with_the_reason(tmp_path, version):
    """Its versions were counted from 1 as well, and its tables were others."""
    with database(tmp_path) as connection:
        connection.execute("CREATE TABLE delivery (delivery_id INTEGER PRIMARY KEY, lease_until REAL)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
    before = (tmp_path / "journal.sqlite3").read_bytes()

    with pytest.raises(JournalFileError, match="before the first release") as refused:
        SqliteJournal(tmp_path).open()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before
    assert str(tmp_path / "journal.sqlite3") in refused.value.where
    assert "state_dir" in refused.value.fix


async def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path, monkeypatch, open_journal):
    first = (resources.files("mycel_runtime.journal") / "sql" / "migrations" / MIGRATIONS[0]).read_text()
    broken = "CREATE TABLE half (x); CREATE TABLE half (x)"
    with monkeypatch.context() as patch:
        patch.setattr("mycel_runtime.journal.schema.MIGRATIONS", [first, broken])
        with pytest.raises(JournalError, match="half"):
            SqliteJournal(tmp_path).open()
    with database(tmp_path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()

    await want(open_journal(), 1)


async def test_a_journal_whose_lock_file_was_removed_is_still_held(holder, tmp_path):
    (tmp_path / "journal.lock").unlink()

    with pytest.raises(IdentityHeldError):
        SqliteJournal(tmp_path).open()


FORKED = """
import os, sys, time
from pathlib import Path
from mycel_runtime.journal.sqlite import SqliteJournal
SqliteJournal(Path(sys.argv[1])).open()
if {fork} == 0:
    os.write(1, b"forked\\n")
    time.sleep(300)
sys.stdin.read()
"""

WITHOUT_HOOKS = "__import__('ctypes').CDLL(None).fork()"
"""As a library in C forks."""


@pytest.mark.parametrize("fork", ["os.fork()", WITHOUT_HOOKS])
def test_a_forked_child_does_not_hold_the_journal_or_is_named(tmp_path, fork):
    command = [sys.executable, "-c", FORKED.format(fork=fork), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout.readline() == b"forked\n"
            process.kill()
            process.wait()

            if fork == WITHOUT_HOOKS:
                with pytest.raises(
                    IdentityHeldError, match=rf"\(pid \d+, left behind by pid {process.pid}\)"
                ):
                    SqliteJournal(tmp_path).open()
            else:
                journal = SqliteJournal(tmp_path)
                journal.open()
                asyncio.run(journal.close())
        finally:
            os.killpg(process.pid, 9)
