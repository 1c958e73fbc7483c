"""The file with the words that runs were shown: for its owner only, bounded, and nobody's trouble."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading

import pytest

from mycel_runtime.daemon.capturing import open_capture
from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.capture_file import CAPTURE_NAME, CapturedRuns, CaptureFile
from mycel_runtime.journal.shown_run import ShownRun
from mycel_runtime.observe.observer import Observer
from mycel_runtime.settings import JournalSettings

SECRET = "the words of somebody"


def run(content=SECRET):
    return ShownRun(messages=[{"raw": {"content": content, "seq": 1}, "sender_type": "human"}])


@pytest.fixture
def path(tmp_path):
    return tmp_path / CAPTURE_NAME


@contextlib.contextmanager
def opened(path, kept_runs=10, on_failure=None, on_recovery=lambda: None):
    file = CaptureFile(
        path, kept_runs=kept_runs, on_failure=on_failure or pytest.fail, on_recovery=on_recovery
    )
    try:
        yield file
    finally:
        file.close()


def contents(path, names):
    captured = CapturedRuns(path)
    found = [captured.find("me", name) for name in names]
    return [None if each is None else each.messages[0]["raw"]["content"] for each in found]


def test_the_newest_are_kept_for_their_owner_only_and_also_over_a_restart(path):
    names = []
    for start in (0, 8):
        with opened(path, kept_runs=10) as file:
            names += [file.keep("me", run(f"{SECRET} {number}")) for number in range(start, start + 8)]
    kept = [f"{SECRET} {number}" for number in range(6, 16)]

    assert contents(path, names) == [None] * 6 + kept
    assert CapturedRuns(path).identities() == ["me"]
    assert CapturedRuns(path).find("another", names[-1]) is None
    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.glob(f"{CAPTURE_NAME}*")} == {
        each.name: 0o600 for each in path.parent.glob(f"{CAPTURE_NAME}*")
    }
    assert SECRET not in repr(run())


def test_a_full_disk_is_told_and_what_comes_when_there_is_room_again_is_kept(path, file_limit):
    told, recovered, failed = [], [], threading.Event()

    def tell(reason):
        told.append(reason)
        failed.set()

    with opened(path, on_failure=tell, on_recovery=lambda: recovered.append(len(told))) as file:
        with file_limit(50_000):
            lost = file.keep("me", run(secrets.token_hex(100_000)))
            assert failed.wait(10)
            assert not recovered
        names = [lost, file.keep("me", run("last"))]
        file.keep("me", run("and one more"))

    assert (told, recovered) == (["SQLITE_IOERR_WRITE"], [1])
    assert contents(path, names) == [None, "last"]


def test_what_is_no_capture_is_refused_by_who_reads_and_left_alone_by_who_writes(path):
    path.write_bytes(SECRET.encode() * 300)
    told = []
    with opened(path, on_failure=told.append) as file:
        file.keep("me", run())

    assert told == ["SQLITE_NOTADB"]
    assert path.read_bytes() == SECRET.encode() * 300
    with pytest.raises(JournalFileError, match="SQLITE_NOTADB") as refused:
        CapturedRuns(path)
    assert "Move it away" in str(refused.value)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(JournalFileError, match="no capture of this version"):
        CapturedRuns(path)


def test_what_is_no_json_is_not_kept(path):
    told = []
    with opened(path, on_failure=told.append) as file:
        assert file.keep("me", run(object())) is None
    assert told == ["TypeError: what a run was shown is no JSON"]


async def test_an_owner_who_wants_no_capture_any_more_has_none(tmp_path, path):
    class Memory(Observer):
        def __init__(self):
            self.names = []

        def tell(self, fact):
            self.names.append(fact.name)

    memory = Memory()
    async with open_capture(tmp_path, JournalSettings(), memory) as file:
        assert file is None
    async with open_capture(tmp_path, JournalSettings(capture=True), memory) as file:
        name = file.keep("me", run())
    assert (contents(path, [name]), memory.names) == ([SECRET], [])
    async with open_capture(tmp_path, JournalSettings(), memory) as file:
        assert file is None
    assert (list(tmp_path.iterdir()), memory.names) == ([], ["capture.removed"])
    with pytest.raises(ValueError, match="kept_turns is 0"):
        JournalSettings(capture=True, kept_turns=0)
