"""When the log is to be synced."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from mycel_runtime.journal.sqlite.log_sync import LogSync


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def connection():
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE note (note TEXT)")
        yield connection


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / "log", os.O_RDONLY | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def log_sync(connection, descriptor, time):
    return LogSync(connection, descriptor, soon=0.5, clock=time)


def write(connection, log_sync):
    connection.execute("INSERT INTO note VALUES ('a')")
    log_sync.note_commit()


def test_nothing_is_due_that_has_changed_nothing(connection, log_sync):
    connection.execute("SELECT * FROM note").fetchall()
    log_sync.note_commit()

    assert log_sync.seconds_left is None


def test_the_first_of_several_commits_says_when_they_are_due(connection, log_sync, time):
    write(connection, log_sync)
    time.now += 0.4
    write(connection, log_sync)
    assert log_sync.seconds_left == pytest.approx(0.1)
    time.now += 1.0

    assert log_sync.seconds_left == 0.0


def test_nothing_is_due_after_a_sync_until_the_next_commit(connection, log_sync):
    write(connection, log_sync)
    log_sync.sync()
    assert log_sync.seconds_left is None
    write(connection, log_sync)

    assert log_sync.seconds_left == 0.5


def test_nothing_is_due_any_more_when_a_sync_has_failed(connection, log_sync, descriptor, monkeypatch):
    def fail(_):
        raise OSError(5, "Input/output error")

    write(connection, log_sync)
    monkeypatch.setattr("mycel_runtime.journal.sqlite.log_sync._sync", fail)
    with pytest.raises(OSError, match="Input/output"):
        log_sync.sync()

    assert log_sync.seconds_left is None
    with pytest.raises(OSError, match="Input/output"):
        log_sync.sync()
