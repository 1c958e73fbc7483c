"""A full disk and a used-up quota are told apart from a disk that is broken: there is something to be waited for."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from mycel_runtime.errors import JournalError, JournalFullError
from mycel_runtime.journal.disk_room import PROBE_BYTES, journal_error, lacks_room

QUOTA = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int is_used_up(void) { const char *flag = getenv("USED_UP"); return flag && access(flag, F_OK) == 0; }

#define REFUSED() do { errno = EDQUOT; return -1; } while (0)

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    if (is_used_up()) REFUSED();
    return real(fd, data, count, offset);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) { return pwrite64(fd, data, count, offset); }

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    static int (*real)(int, off64_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "posix_fallocate64");
    return is_used_up() ? EDQUOT : real(fd, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }
"""
"""
Stands in for a quota: a kernel without quotas refuses to mount one. The C library's calls fail as they would.

What SQLite makes of EDQUOT, and what the runtime does, is real.
"""

CHILD = """
import asyncio, json, os, pathlib, sys
from mycel_runtime.daemon.room import wait_for_room
from mycel_runtime.daemon.signals import StopRequest
from mycel_runtime.errors import JournalError
from mycel_runtime.journal.disk_room import lacks_room
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from tests.integration.journal.samples import want

class Told:
    def __init__(self):
        self.names = []

    def tell(self, fact):
        self.names.append(fact.name)
        flag.unlink(missing_ok=True)

async def main():
    journal = SqliteJournal(folder)
    journal.open()
    await want(journal, 1)
    flag.touch()
    try:
        await want(journal, 2)
    except JournalError as exc:
        failed = type(exc).__name__, exc.exit_code, str(exc)
    refused = lacks_room(folder)
    told = Told()
    went_on = await wait_for_room(folder, told, StopRequest(), look_seconds=0.001)
    await want(journal, 2)
    await journal.close()
    print(json.dumps([failed, refused, told.names, went_on, lacks_room(folder)]))

folder, flag = pathlib.Path(sys.argv[1]), pathlib.Path(os.environ["USED_UP"])
asyncio.run(main())
"""


@pytest.fixture
def quota(tmp_path):
    """The environment of a process whose writes fail with EDQUOT while a file is there."""
    if sys.platform != "linux" or (compiler := shutil.which("cc")) is None:
        pytest.skip("no C compiler, or not Linux")
    source, library = tmp_path / "quota.c", tmp_path / "quota.so"
    source.write_text(QUOTA)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return os.environ | {"LD_PRELOAD": str(library), "USED_UP": str(tmp_path / "used-up")}


def test_a_used_up_quota_is_no_broken_disk_and_the_next_start_waits_for_room(quota, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, folder],
        env=quota,
        check=True,
        timeout=120,
        stdout=subprocess.PIPE,
        text=True,
    )
    (kind, code, text), refused, told, went_on, refused_after = json.loads(ended.stdout)

    assert (kind, code) == ("JournalFullError", 75)
    assert text.startswith("journal: SQLITE_IOERR"), "SQLite knows no quotas"
    assert f"Make room in {folder}" in text
    assert (refused, told, went_on, refused_after) == (True, ["disk.full", "disk.freed"], True, False)
    assert sorted(path.name for path in folder.iterdir()) == ["journal.lock", "journal.sqlite3"]


def test_sqlites_own_word_for_a_full_disk_is_believed(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.sqlite3")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as raised:
        connection.executescript("CREATE TABLE a (b); CREATE TABLE c (d); CREATE TABLE e (f)")
    connection.close()

    error = journal_error(raised.value, "journal: full", tmp_path)
    assert (type(error), error.exit_code) == (JournalFullError, 75)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, JournalFullError), (errno.EDQUOT, JournalFullError), (errno.EIO, JournalError)],
)
def test_what_the_system_says_is_told_apart(number, kind, tmp_path):
    assert type(journal_error(OSError(number, "x"), "x", tmp_path)) is kind


def test_an_error_where_there_is_room_is_one_of_the_disk(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(tmp_path / "not" / "there.sqlite3")

    assert raised.value.sqlite_errorname == "SQLITE_CANTOPEN"
    assert type(journal_error(raised.value, "x", tmp_path)) is JournalError
    assert not lacks_room(tmp_path / "not"), "where no file can be made it is not for room"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_disk_without_a_megabyte_is_full_and_keeps_nothing_of_the_question(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "none", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert not lacks_room(tmp_path)
        (tmp_path / "fill").write_bytes(bytes(PROBE_BYTES + 4096))
        assert lacks_room(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["fill"]
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
