"""A backup is one moment of the journal, whole and private; a restore puts it there at once, and keeps the former."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys

import pytest

from mycel_runtime.errors import BackupError, IdentityHeldError, JournalError, JournalFileError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.restored import MAY_BE_DONE, RESTORED
from mycel_runtime.journal.sqlite.backup import back_up, hashed, manifest_of
from mycel_runtime.journal.sqlite.restore import restore
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.journal_file import database, modes
from tests.integration.journal.released.make import fill
from tests.integration.journal.samples import ME, arrivals, checkpoint, claim, claim_any, entry
from tests.integration.journal.samples import fill as frames

DEADLINE_SECONDS = 60


def backed_up(tmp_path, *, now=5.0):
    target = tmp_path / "a.backup"
    return target, back_up(tmp_path / "journal.sqlite3", target, program="1", now=now)


def restored(tmp_path, backup, *, now=10.0, **more):
    options = {"identity": None, "is_other_identity": False, "has_rested": False}
    return restore(backup, tmp_path / "journal.sqlite3", now=now, **options | more)


@pytest.fixture
async def filled(tmp_path, open_journal):
    """One of everything, at rest."""
    journal = open_journal()
    await fill(journal)
    await journal.close()
    return tmp_path


async def test_a_backup_at_work_is_one_moment_and_holds_what_was_acknowledged(tmp_path, open_journal):
    """Frame and checkpoint are one commit: in no copy is one without the other, and nothing is missing."""
    journal, progress = open_journal(), asyncio.Semaphore(0)
    acknowledged = 0

    async def write():
        nonlocal acknowledged
        while True:
            seq = acknowledged + 1
            batch = Batch(identity=ME, arrivals=arrivals(entry(seq)), checkpoint=checkpoint(seq))
            await append(journal, batch)
            acknowledged = seq
            progress.release()

    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write(), name="writer")
        for number in range(5):
            for _ in range(40):
                await progress.acquire()
            before, path = acknowledged, tmp_path / f"{number}.backup"
            manifest = await asyncio.to_thread(
                back_up, tmp_path / "journal.sqlite3", path, program="1", now=0.0
            )
            with contextlib.closing(sqlite3.connect(path)) as copy:
                found = copy.execute(
                    "SELECT count(*), max(seq), (SELECT since_seq FROM checkpoint) FROM entry"
                )
                count, newest, since = found.fetchone()
            assert count == newest == since == manifest.rows["entry"]
            assert count >= before
        writing.cancel()


def test_a_backup_and_its_manifest_are_private_and_hold_no_identity_in_clear(filled):
    before = os.umask(0o022)
    try:
        backup, manifest = backed_up(filled)
    finally:
        os.umask(before)

    assert {modes(filled)[each.name] for each in (backup, manifest_of(backup))} == {0o600}
    assert not list(filled.glob(".*"))
    told = json.loads(manifest_of(backup).read_text())
    assert told["identities"] == [hashed("me")] == list(manifest.identities)
    assert (told["made_at"], told["rows"]["dead_letter"], told["schema"]) == (5.0, 1, manifest.schema)
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
        assert copy.execute("PRAGMA freelist_count").fetchone()[0] == 0


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_made(filled, file_limit):
    backup, _ = backed_up(filled)
    with pytest.raises(BackupError, match="it is there already"):
        backed_up(filled)
    backup.unlink()
    manifest_of(backup).unlink()
    with file_limit(8_192), pytest.raises((BackupError, JournalError)):
        backed_up(filled)
    with pytest.raises(BackupError, match="there is no journal"):
        back_up(filled / "no", filled / "x", program="1", now=0.0)

    assert not list(filled.glob("*.backup*"))


async def test_what_may_have_been_done_since_becomes_dead_letters(filled, open_journal):
    backup, _ = backed_up(filled)
    done = restored(filled, backup)

    assert (done.set_aside, done.was_compared, list(done.timers)) == (3, True, [])
    journal = open_journal()
    await at(journal, 10.0).recover(ME)
    letters = await journal.dead_letters(ME)
    assert sorted(letter.lane for letter in letters if letter.reason == MAY_BE_DONE) == [
        "chat:e",
        "chat:f",
        "inbox",
    ]
    assert await claim_any(journal, now=10.0) == []
    assert await journal.snapshot(ME) == {(RESTORED, ""): "10.0"}
    for letter in letters:
        assert await at(journal, 10.0).revive(ME, letter.dead_letter_id)
    assert {each.lane for each in await claim(journal, now=10.0)} == {"chat:d", "chat:e", "chat:f", "inbox"}


async def test_timers_that_became_due_since_are_told_and_set_no_more(filled):
    backup, _ = backed_up(filled)

    assert list(restored(filled, backup, now=2e12).timers) == [("p", "t")]
    with database(filled) as connection:
        assert connection.execute("SELECT name FROM timer").fetchall() == [("?q",)]


async def test_an_agent_that_has_not_run_since_goes_on_where_it_was(filled, open_journal):
    backup, _ = backed_up(filled)
    moved = filled / "moved"
    moved.mkdir()
    done = restored(moved, backup, has_rested=True)

    assert (done.set_aside, done.kept) == (0, None)
    journal = open_journal(moved)
    await at(journal, 10.0).recover(ME)
    assert {each.lane for each in await claim_any(journal, now=10.0)} == {"inbox", "chat:e", "chat:f"}


async def test_the_former_journal_is_kept_with_its_log_and_opens_again(tmp_path, open_journal):
    """As a killed daemon has left it."""
    journal = open_journal()
    await frames(journal, 10)
    backup, _ = backed_up(tmp_path)
    await frames(journal, 20)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for file in tmp_path.glob("journal.sqlite3*"):
        shutil.copy(file, crashed)

    done = restored(crashed, backup)
    assert modes(crashed) == {"journal.lock": 0o600, "journal.sqlite3": 0o600, done.kept.name: 0o700}
    for folder, count in ((crashed, 10), (done.kept, 20)):
        heir = open_journal(folder)
        assert (await heir.statistics(ME)).entries == count
        await heir.close()
    again = restored(crashed, backup)
    assert again.kept != done.kept


def test_while_a_daemon_is_at_work_nothing_is_restored(tmp_path, journal):
    backup, _ = backed_up(tmp_path)
    with pytest.raises(IdentityHeldError, match=f"pid {os.getpid()}"):
        restored(tmp_path, backup)


def damaged(content, how):
    """The same number of bytes, or fewer."""
    where, what = {
        "changed": (slice(-1, None), b"?"),
        "damaged": (slice(3 * 4_096, 4 * 4_096), random.Random(1).randbytes(4_096)),
        "cut": (slice(len(content) // 2, None), b""),
        "foreign": (slice(68, 72), b"XXXX"),
        "newer": (slice(60, 64), (999).to_bytes(4, "big")),
        "empty": (slice(None), b""),
    }[how]
    content[where] = what
    return content


@pytest.mark.parametrize("how", ["changed", "damaged", "cut", "foreign", "newer", "empty"])
async def test_what_is_not_whole_is_refused_and_the_journal_stays(filled, how):
    backup, _ = backed_up(filled)
    before = (filled / "journal.sqlite3").read_bytes()
    backup.write_bytes(damaged(bytearray(backup.read_bytes()), how))
    if how != "changed":
        manifest_of(backup).unlink()

    with pytest.raises((BackupError, JournalFileError)) as refused:
        restored(filled, backup)
    assert str(backup) in refused.value.where
    assert (filled / "journal.sqlite3").read_bytes() == before
    assert not list(filled.glob(".*"))


def test_a_file_with_a_log_beside_it_is_no_backup(filled):
    backup, _ = backed_up(filled)
    backup.with_name(f"{backup.name}-wal").write_bytes(b"x")
    with pytest.raises(BackupError, match="is beside it"):
        restored(filled, backup)


def test_another_identitys_backup_is_refused_unless_told(filled):
    backup, _ = backed_up(filled)
    with pytest.raises(BackupError, match="another identity's"):
        restored(filled, backup, identity=hashed("other"))
    with database(filled) as connection:
        connection.execute("UPDATE checkpoint SET identity = 'other'")
        connection.execute("UPDATE delivery SET identity = 'other'")
        connection.execute("UPDATE dead_letter SET identity = 'other'")
    with pytest.raises(BackupError, match="another identity's"):
        restored(filled, backup)

    assert restored(filled, backup, is_other_identity=True).kept
    assert restored(filled, backup, identity=hashed("me")).kept


KILLED = """
import os, sys
from pathlib import Path
from mycel_runtime.journal.sqlite import restore
step, folder, backup = sys.argv[1:]
done = getattr(restore, step)
def die(*arguments):
    done(*arguments)
    os.kill(os.getpid(), 9)
setattr(restore, step, die)
restore.restore(Path(backup), Path(folder) / "journal.sqlite3", identity=None, is_other_identity=False,
                has_rested=True, now=10.0)
"""


@pytest.mark.parametrize("step", ["prepare", "keep"])
async def test_a_restore_that_is_killed_leaves_the_former_journal_and_can_be_done_again(
    filled, open_journal, step
):
    backup, _ = backed_up(filled)
    journal = open_journal()
    await frames(journal, 30)
    await journal.close()
    command = [sys.executable, "-c", KILLED, step, str(filled), str(backup)]
    ended = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert ended.returncode == -9, ended.stderr

    journal = open_journal()
    assert (await journal.statistics(ME)).entries > 30
    await journal.close()
    assert restored(filled, backup, has_rested=True).kept
    journal = open_journal()
    assert (await journal.statistics(ME)).entries < 30
