"""The journal's file and its log on the disk, as somebody else sees and copies them."""

from __future__ import annotations

import contextlib
import sqlite3
import stat

FILE, LOG = "journal.sqlite3", "journal.sqlite3-wal"


def database(folder):
    """The journal's file, opened by somebody else."""
    return contextlib.closing(sqlite3.connect(folder / "journal.sqlite3", isolation_level=None))


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def copy(folder, target, *names):
    """Raw, as `cp` does it."""
    target.mkdir(exist_ok=True)
    for name in names:
        (target / name).write_bytes((folder / name).read_bytes())
    return target
