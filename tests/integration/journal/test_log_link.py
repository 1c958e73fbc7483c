"""A file and its log belong together: one without the other, or with another's, is refused; the log is bounded."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.engines.listening import append
from tests.integration.journal.journal_file import FILE, LOG, copy, database
from tests.integration.journal.samples import ME, arrivals, claim_one, entry, fill, want


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
    monkeypatch.setattr("mycel_runtime.journal.sqlite.writer.LOG_PAGES", 25)
    for number in range(10):
        numbered = (entry(seq, fingerprint="f" * 200) for seq in range(number * 100, (number + 1) * 100))
        await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered)))
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
    monkeypatch.setattr("mycel_runtime.journal.sqlite.writer.LOG_PAGES", 12)
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
