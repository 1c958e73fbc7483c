"""One process holds a journal: who else wants it is told who that is, and a dead holder holds nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from mycel_runtime.errors import IdentityHeldError, JournalFileError
from mycel_runtime.journal.sqlite.journal import SqliteJournal

HOLDER = """
import sys
from pathlib import Path
from mycel_runtime.journal.sqlite.journal import SqliteJournal
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


async def test_a_journal_whose_lock_file_was_removed_is_still_held(holder, tmp_path):
    (tmp_path / "journal.lock").unlink()

    with pytest.raises(IdentityHeldError):
        SqliteJournal(tmp_path).open()


FORKED = """
import os, sys, time
from pathlib import Path
from mycel_runtime.journal.sqlite.journal import SqliteJournal
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
