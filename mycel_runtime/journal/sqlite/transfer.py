"""A file as an end of a move: left behind with a note in it, or made beside its place and put there at once."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.errors import JournalMoveError
from mycel_runtime.journal.disk_room import journal_error
from mycel_runtime.journal.port.transfer import Arrival, Departure
from mycel_runtime.journal.sqlite.backup import give_to_owner, opened, require_whole, sync
from mycel_runtime.journal.sqlite.connection import SqliteConnection
from mycel_runtime.journal.sqlite.kept_file import keep
from mycel_runtime.journal.sqlite.log_link import require_own_log, restart_log
from mycel_runtime.journal.sqlite.moved import mark_moved, moved_of
from mycel_runtime.journal.sqlite.new_file import make_new
from mycel_runtime.journal.sqlite.schema import prepare, recognise
from mycel_runtime.journal.sqlite.writing_connection import writing_connection
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.journal.move import Move

OWN: Final = frozenset({"log_link", "moved"})
"""Tables that are about the file."""

_GROUP: Final = 1_000
"""Rows."""

_SIDES: Final = ("-wal", "-shm", "-journal")


class SqliteDeparture(Departure):
    """
    Of a file whose folder is locked.

    Args:
        connection: That writes it; of a file that was left already, one that reads.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    @property
    @override
    def moved(self) -> Move | None:
        return moved_of(self._connection)

    @property
    @override
    def identities(self) -> Sequence[UserId]:
        names = [table for table, columns in self.columns().items() if "identity" in columns]
        query = " UNION ".join(f"SELECT identity FROM {name}" for name in names)  # noqa: S608 - its own names
        return [UserId(identity) for (identity,) in self._connection.execute(query)]

    @override
    def columns(self) -> Mapping[str, Sequence[str]]:
        return _columns_of(self._connection)

    @override
    def newest_ids(self) -> Mapping[str, int]:
        rows = self._connection.execute("SELECT name, seq FROM sqlite_sequence")
        return {f"{name}_id": seq for name, seq in rows}

    @override
    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[tuple[Any, ...]]]:
        cursor = self._connection.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - its own names
        while group := cursor.fetchmany(_GROUP):
            yield [tuple(row) for row in group]

    @override
    def leave(self, move: Move) -> None:
        mark_moved(self._connection, move)


class SqliteArrival(Arrival):
    """
    Of a file beside the one that it is to be; nothing of it is seen before it arrives.

    Args:
        path: Of the journal. Its folder is locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.coming")
        self._connection: SqliteConnection | None = None

    @override
    def columns(self) -> Mapping[str, Sequence[str]]:
        return _columns_of(self._writing())

    @override
    def awaits(self, move: Move) -> bool:
        return self._deposited(move).exists()

    @override
    def holds(self, identities: Sequence[UserId]) -> bool:
        if not self._path.exists():
            return False
        with opened(self._path) as connection:
            if moved_of(connection) is not None:
                return False
            found = recognise(connection, self._path)
            return bool(found) and bool(SqliteDeparture(connection).identities)

    @override
    def first_ids(self) -> Mapping[str, int]:
        return {}

    @override
    def expect(self, move: Move, identities: Sequence[UserId]) -> None:
        """The file is a new one."""

    @override
    def take(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" for _ in columns)
        self._writing().executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608

    @override
    def count(self, table: str) -> int:
        return int(self._writing().execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - as above

    @override
    def deposit(self, move: Move, newest_ids: Mapping[str, int]) -> None:
        connection = self._writing()
        for table in ("delivery", "dead_letter"):
            # That of the highest row is there, if there was any.
            row = connection.execute(
                "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,)
            ).fetchone()
            newest = max(newest_ids.get(f"{table}_id", 0), row[0] or 0)
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, newest))
        connection.execute("COMMIT")
        require_whole(connection, self._partial)
        self.close()
        for left in self._path.parent.glob(f"{self._partial.name}-*"):
            left.unlink()
        sync(self._partial)
        give_to_owner(self._partial)
        self._partial.rename(self._deposited(move))
        sync(self._path.parent)

    @override
    def arrive(self, move: Move) -> None:
        keep(self._path, "before-move", move.moved_at)
        for suffix in _SIDES:
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._deposited(move).rename(self._path)
        sync(self._path.parent)

    def close(self) -> None:
        """Whatever was not deposited is gone with the next move."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _deposited(self, move: Move) -> Path:
        return self._partial.with_name(f"{self._partial.name}-{move.move_id}")

    def _writing(self) -> SqliteConnection:
        """Of a new file; all in one transaction."""
        if self._connection is None:
            for suffix in ("", *_SIDES):
                self._partial.with_name(self._partial.name + suffix).unlink(missing_ok=True)
            make_new(self._partial)
            self._connection = sqlite3.connect(self._partial, isolation_level=None, factory=SqliteConnection)
            prepare(self._connection, self._partial)
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.execute("BEGIN IMMEDIATE")
        return self._connection


@contextlib.contextmanager
def departure(path: Path) -> Iterator[SqliteDeparture]:
    """
    Of a file, which is brought to this program's version first; its folder is locked.

    Raises:
        JournalMoveError: There is no file.
        JournalFileError, JournalError: It cannot be used.
    """
    if not path.exists():
        raise JournalMoveError("there is no journal", where=str(path), fix="Run the agent first.")
    require_own_log(path)
    with _told(path):
        with opened(path) as connection:
            is_left = moved_of(connection) is not None
        if is_left:
            with opened(path, how="mode=rw") as connection:
                # Whoever marked it may have died before that stood in the file itself.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                yield SqliteDeparture(connection)
            return
        connection = writing_connection(path, make_new, lambda new: prepare(new, path), restart_log)
        with contextlib.closing(connection):
            yield SqliteDeparture(connection)


@contextlib.contextmanager
def arrival(path: Path) -> Iterator[SqliteArrival]:
    """
    Of a file that there need not be; its folder is locked.

    Raises:
        JournalFileError, JournalError: It cannot be written, or there is one that cannot be used.
    """
    coming = SqliteArrival(path)
    with _told(path):
        try:
            yield coming
        finally:
            coming.close()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the file as ours."""
    try:
        yield
    except sqlite3.Error as exc:
        raise journal_error(exc, f"{path}: {exc.sqlite_errorname}: {exc}", path.parent) from exc
    except OSError as exc:
        raise journal_error(exc, f"{exc.filename or path}: {exc.strerror}", path.parent) from exc


def _columns_of(connection: sqlite3.Connection) -> Mapping[str, Sequence[str]]:
    rows = connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        if table not in OWN:
            found.setdefault(table, []).append(column)
    return found
