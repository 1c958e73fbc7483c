"""Faults of the journal's file, of the disk it is on, and of the configuration."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.acceptance.faults.fault import Fault


@contextlib.contextmanager
def foreign_lock(world):
    """A backup tool, say."""
    with contextlib.closing(
        sqlite3.connect(world.state / "journal.sqlite3", isolation_level=None)
    ) as journal:
        journal.execute("BEGIN IMMEDIATE")
        world.say("hello")
        yield
        journal.execute("ROLLBACK")


@contextlib.contextmanager
def locked_capture(world):
    """Told after five seconds, for which it is waited for."""
    capture = world.state / "journal.capture.sqlite3"
    with contextlib.closing(sqlite3.connect(capture, isolation_level=None)) as captured:
        captured.execute("BEGIN IMMEDIATE")
        world.say("hello")
        yield
        captured.execute("ROLLBACK")
    world.say("hello again")


@contextlib.contextmanager
def changed_file(world):
    text = world.config.read_text()
    world.config.write_text(text + "\n# another line\n")
    yield
    world.config.write_text(text)


@contextlib.contextmanager
def wrong_file(world):
    """It was read again, and changes nothing."""
    text = world.config.read_text()
    world.config.write_text(text + "\n[nonsense]\n")
    world.reload()
    yield
    world.config.write_text(text)
    world.reload()


@contextlib.contextmanager
def file_that_wants_a_restart(world):
    text = world.config.read_text()
    world.config.write_text(text.replace("suspect_interval = 0.2", "suspect_interval = 0.3"))
    world.reload()
    yield
    world.config.write_text(text)
    world.reload()


FAULTS = (
    Fault(
        of=foreign_lock,
        is_told=lambda now: any("journal's write lock" in each for each in now.problems),
        words="! another program holds the journal's write lock",
        metric=("journal_locks_total", {}),
        unready="another program holds the journal's write lock",
    ),
    Fault(
        of=locked_capture,
        is_told=lambda now: now.log.capture_failed == "SQLITE_BUSY",
        words="! capturing what runs are shown fails",
        metric=("capture_failed", {}),
    ),
    Fault(
        of=changed_file,
        is_told=lambda now: now.program.config == "drift",
        words="the configuration was changed",
        metric=("config_drift", {}),
    ),
    Fault(
        of=wrong_file,
        is_told=lambda now: now.reload.refused,
        words="! its file was read again",
        metric=("config_drift", {}),
    ),
    Fault(
        of=file_that_wants_a_restart,
        is_told=lambda now: now.reload.needs_restart,
        words="! changed in its file, needs a restart: [inbox] suspect_interval",
        metric=("config_drift", {}),
    ),
)
