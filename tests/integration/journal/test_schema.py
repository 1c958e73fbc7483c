"""What a file is: a new journal, one of an earlier version, which is migrated, or none of ours, and left alone."""

from __future__ import annotations

from importlib import resources

import pytest

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.engines import engine_of
from mycel_runtime.journal.file_name import APPLICATION_ID
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.journal.journal_file import database, modes
from tests.integration.journal.samples import want

MIGRATIONS = sorted(
    file.name
    for file in (resources.files("mycel_runtime.journal") / "sqlite" / "sql" / "migrations").iterdir()
    if file.name.endswith(".sql")
)

LISTS = ("dead_letters", "unresolved", "stores", "all_items", "timers")
"""Of a reader, while the daemon is down, be it that it has not run since an upgrade."""


async def test_a_new_journal_has_been_through_every_migration(journal, tmp_path):
    await journal.close()

    with database(tmp_path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_new_journal_is_as_sqlite_makes_one_of_an_empty_file(tmp_path, open_journal):
    made, grown = tmp_path / "made", tmp_path / "grown"
    for folder in (made, grown):
        folder.mkdir()
    (grown / "journal.sqlite3").touch(mode=0o600)
    (made / "journal.sqlite3.new").write_text("of one whose process was killed")
    for folder in (made, grown):
        await open_journal(folder).close()

    assert modes(made) == modes(grown)
    with database(made) as one, database(grown) as other:
        schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        assert one.execute(schema).fetchall() == other.execute(schema).fetchall()
        for pragma in (
            "auto_vacuum",
            "page_size",
            "encoding",
            "journal_mode",
            "application_id",
            "user_version",
        ):
            told = f"PRAGMA {pragma}"
            assert one.execute(told).fetchall() == other.execute(told).fetchall(), pragma
        for table in ("log_link", "checkpoint"):
            counted = f"SELECT count(*) FROM {table}"
            assert one.execute(counted).fetchall() == other.execute(counted).fetchall()
        assert one.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_migrations_are_numbered_without_a_gap():
    assert [int(name.split("_")[0]) for name in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
async def test_a_journal_of_every_earlier_version_becomes_as_a_new_one(tmp_path, open_journal, version):
    """Version 0 is a file that was made and never written."""
    old = tmp_path / "old"
    old.mkdir()
    folder = resources.files("mycel_runtime.journal") / "sqlite" / "sql" / "migrations"
    with database(old) as connection:
        for name in MIGRATIONS[:version]:
            connection.executescript((folder / name).read_text())
        if version:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO checkpoint VALUES ('me', 'server', 1, 0)")
        connection.execute(f"PRAGMA user_version = {version}")
    reader = engine_of(old).reader
    assert reader.identities() == (["me"] if version else [])
    assert not any(getattr(reader, name)("me") for name in LISTS)
    assert not reader.work("me", limit=10)
    assert not reader.own_sends("me", chat_id="c").message_ids
    await open_journal(old).close()
    await open_journal(tmp_path).close()

    with database(old) as migrated, database(tmp_path) as new:
        schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        assert migrated.execute(schema).fetchall() == new.execute(schema).fetchall()
        assert migrated.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


async def test_a_journal_of_a_newer_version_is_refused_untouched(tmp_path, journal):
    await journal.close()
    with database(tmp_path) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = (tmp_path / "journal.sqlite3").read_bytes()

    with pytest.raises(JournalFileError, match=f"version 999, this program knows {len(MIGRATIONS)}"):
        SqliteJournal(tmp_path).open()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before


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


def test_somebody_elses_database_is_refused_untouched(tmp_path):
    with database(tmp_path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    (tmp_path / "journal.sqlite3").chmod(0o644)
    before = (tmp_path / "journal.sqlite3").read_bytes()

    with pytest.raises(JournalFileError, match="not a mycel-runtime journal"):
        SqliteJournal(tmp_path).open()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before
    assert modes(tmp_path) == {"journal.lock": 0o600, "journal.sqlite3": 0o644}


@pytest.mark.parametrize("version", [0, 1])
async def test_a_migration_that_fails_leaves_the_version_before_it(
    tmp_path, monkeypatch, open_journal, version
):
    """Of a new file none: it is made in one transaction."""
    first = (
        resources.files("mycel_runtime.journal") / "sqlite" / "sql" / "migrations" / MIGRATIONS[0]
    ).read_text()
    broken = "CREATE TABLE half (x); CREATE TABLE half (x)"
    with monkeypatch.context() as patch:
        if version:
            patch.setattr("mycel_runtime.journal.sqlite.schema.MIGRATIONS", [first])
            await open_journal().close()
        patch.setattr("mycel_runtime.journal.sqlite.schema.MIGRATIONS", [first, broken])
        with pytest.raises(JournalError, match="half"):
            SqliteJournal(tmp_path).open()
    with database(tmp_path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
        assert version or not connection.execute("SELECT 1 FROM sqlite_master").fetchall()

    await want(open_journal(), 1)
