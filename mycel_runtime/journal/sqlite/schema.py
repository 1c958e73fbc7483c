"""Recognises a journal's file, and brings it to this program's version."""

from __future__ import annotations

import contextlib
import functools
import math
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.file_name import APPLICATION_ID
from mycel_runtime.journal.sqlite.statements import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REWRITTEN_BYTES: Final = 64 * 2**20
"""Of a file that is written anew at open; about a second."""

_SET_ASIDE: Final = "Move it and its -wal and -shm files away, or set [agent] state_dir to another folder."
_NO_DATABASE: Final = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """
    Refuse what is not ours, unchanged; then migrate, each step in a transaction of its own, a new file in one.

    Args:
        connection: New; nothing was written by it.
        path: Of the file, for the error's text.

    Raises:
        JournalFileError: It is damaged, somebody else's, or of a version that this program does not know.
    """
    version = recognise(connection, path)
    let_shrink(connection, is_new=not version)
    if not version:
        _take_steps(connection, MIGRATIONS, len(MIGRATIONS))
        return
    for step, script in enumerate(MIGRATIONS[version:], start=version + 1):
        _take_steps(connection, [script], step)


def migrations() -> tuple[str, ...]:
    """All that a new file sees, in order."""
    return tuple(MIGRATIONS)


def _take_steps(connection: sqlite3.Connection, scripts: Iterable[str], version: int) -> None:
    """Those up to a version, in one transaction: each waits for the disk several times, as there is no log yet."""
    connection.executescript(
        f"BEGIN EXCLUSIVE; {'; '.join(scripts)}; PRAGMA application_id = {APPLICATION_ID};"
        f" PRAGMA user_version = {version}; COMMIT;"
    )


def let_shrink(connection: sqlite3.Connection, *, is_new: bool) -> None:
    """
    Have the file give space back when rows go (`verbs/retention.py` asks it to).

    That is decided when a file is made. An older one is written anew for it if that is done in a moment; a larger one
    keeps its length, and what is free in it is used again: `mycel-runtime backup` and `restore` make it short.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
        return
    size = math.prod(
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    if not is_new and size > REWRITTEN_BYTES:
        return
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    if not is_new:
        # On a full disk, or while somebody else reads or writes it, it stays as it is.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("VACUUM")


def recognise(connection: sqlite3.Connection, path: Path) -> int:
    """
    How many migrations the file has seen; 0: it is empty.

    Raises:
        JournalFileError: As `prepare`.
    """
    try:
        return _version_of(connection, path)
    except sqlite3.DatabaseError as exc:
        if exc.sqlite_errorname not in _NO_DATABASE:
            raise
        raise JournalFileError(f"{exc.sqlite_errorname}: {exc}", where=str(path), fix=_SET_ASIDE) from exc


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    texts = _texts(connection)
    if application_id != APPLICATION_ID and texts:
        from mycel_runtime.journal.sqlite.moved import require_here  # noqa: PLC0415 - of a file that is none

        require_here(connection, path)
        raise JournalFileError(
            "this SQLite file is not a mycel-runtime journal",
            where=str(path),
            fix="Set [agent] state_dir to a folder of the agent's own.",
        )
    if version > len(MIGRATIONS):
        raise JournalFileError(
            f"the journal has version {version}, this program knows {len(MIGRATIONS)}: it was made by a newer"
            " mycel-runtime, or by one from before the first release",
            where=str(path),
            fix=f"Upgrade mycel-runtime. If it is from before the first release: {_SET_ASIDE}",
        )
    if texts != _schema_of(version).texts and _tables(connection) != _schema_of(version).tables:
        raise JournalFileError(
            f"its tables are not those of a journal of version {version}: it was made before the first release",
            where=str(path),
            fix=_SET_ASIDE,
        )
    return version


class _Schema(NamedTuple):
    """
    What tells the tables of a journal from others'.

    Attributes:
        texts: The words that made them. Where they are the same nothing else need be compared.
        tables: Every column and index: SQLite rewrites the words as it likes.
    """

    texts: frozenset[tuple[str, str]]
    tables: frozenset[tuple[str, str, str]]


def _texts(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return frozenset(map(tuple, rows))


def _tables(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    rows = connection.execute(
        "SELECT s.name, coalesce(c.name, ''), coalesce(c.type, '') FROM sqlite_master AS s"
        " LEFT JOIN pragma_table_xinfo(s.name) AS c WHERE s.name NOT LIKE 'sqlite_%'"
    )
    return frozenset(tuple(row) for row in rows)


@functools.cache
def _schema_of(version: int) -> _Schema:
    """That of a new journal that has seen so many migrations: to make one costs more than to open a file."""
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        for script in MIGRATIONS[:version]:
            fresh.executescript(script)
        return _Schema(_texts(fresh), _tables(fresh))
