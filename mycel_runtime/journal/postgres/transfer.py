"""
A database as an end of a move.

Rows that are on their way, or were left behind, stand there in the name of an identity that nobody has
(`Move.kept_as`): no process finds them, whatever it asks for. The table `moved` says so, and whoever wants to work as
the identity itself is refused.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from typing_extensions import override

from mycel_runtime.errors import IdentityHeldError, JournalMoveError
from mycel_runtime.journal.port.transfer import Arrival, Departure
from mycel_runtime.journal.postgres.connections import PatientConnection, looking, place_of
from mycel_runtime.journal.postgres.locks import taking
from mycel_runtime.journal.postgres.moved import move_of
from mycel_runtime.journal.postgres.process import ProcessMark
from mycel_runtime.journal.postgres.schema import prepare
from mycel_runtime.journal.postgres.session import Session
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from mycel_runtime.journal.move import Move
    from mycel_runtime.journal.postgres.rows import Row

OWN: Final = frozenset({"process", "candidate", "schema_version", "moved"})
"""Tables that are about the database, and no agent's."""

_NUMBERED: Final = {
    "entry_id": "entry",
    "delivery_id": "delivery",
    "dead_letter_id": "dead_letter",
    "turn_id": "turn",
}
"""Numbers of rows that the database gives, and to which."""

_GROUP: Final = 1_000
"""Rows."""

_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on;"
    " SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0;"
    f" {taking(None)}"
)
"""Nobody else changes anything until the end."""


class _End:
    """What both ends of a move have in common."""

    def __init__(self, connection: Connection[Row]) -> None:
        self._connection = connection
        self._session = Session(connection, None)
        self._tables = _columns_of(connection)

    def columns(self) -> Mapping[str, Sequence[str]]:
        """As of the port."""
        return self._tables

    def begin(self) -> None:
        """A transaction, alone."""
        self._connection.execute(_BEGIN)

    def _rename(self, identity: str, name: str) -> None:
        for table in self._tables:
            query = sql.SQL("UPDATE {} SET identity = %s WHERE identity = %s").format(sql.Identifier(table))
            self._connection.execute(query, (name, identity))

    def _has_rows(self, identity: str) -> bool:
        return any(self._count(table, [identity]) for table in self._tables)

    def _count(self, table: str, identities: Sequence[str]) -> int:
        query = sql.SQL("SELECT count(*) FROM {} WHERE identity = ANY (%s)").format(sql.Identifier(table))
        row = self._connection.execute(query, (list(identities),)).fetchone()
        assert row is not None
        return int(row[0])

    def _newest_ids(self) -> Mapping[str, int]:
        return {name: self._newest(name, table) for name, table in _NUMBERED.items()}

    def _newest(self, name: str, table: str) -> int:
        """The highest that there is, or was ever given."""
        query = sql.SQL("SELECT coalesce(max({}), 0) FROM {}").format(
            sql.Identifier(name), sql.Identifier(table)
        )
        newest = [self._connection.execute(query).fetchone()]
        if sequence := self._sequence(name, table):
            query = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}").format(sequence)
            newest.append(self._connection.execute(query).fetchone())
        return max(int(row[0]) for row in newest if row)

    def _sequence(self, name: str, table: str) -> sql.SQL | None:
        row = self._connection.execute("SELECT pg_get_serial_sequence(%s, %s)", (table, name)).fetchone()
        return sql.SQL(row[0]) if row and row[0] else None


class PostgresDeparture(_End, Departure):
    """
    Of one identity.

    Args:
        connection: In a transaction that is alone.
        identity: Whose.
    """

    def __init__(self, connection: Connection[Row], identity: UserId) -> None:
        super().__init__(connection)
        self._identity = identity

    @property
    @override
    def moved(self) -> Move | None:
        row = self._session.run("read_moved", {"identity": self._identity}).fetchone()
        return move_of(row) if row and row["is_gone"] else None

    @property
    @override
    def identities(self) -> Sequence[UserId]:
        return [self._identity]

    @override
    def newest_ids(self) -> Mapping[str, int]:
        return self._newest_ids()

    @override
    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[tuple[Any, ...]]]:
        # What differs only in which process had it is one row.
        all_or_distinct = sql.SQL("ALL" if len(columns) == len(self._tables[table]) else "DISTINCT")
        query = sql.SQL("SELECT {} {} FROM {} WHERE identity = %s").format(
            all_or_distinct, _names(columns), sql.Identifier(table)
        )
        with self._connection.cursor(name="moving") as cursor:
            cursor.execute(query, (self._identity,))
            while group := cursor.fetchmany(_GROUP):
                yield [tuple(row) for row in group]

    @override
    def leave(self, move: Move) -> None:
        self._rename(self._identity, move.kept_as + self._identity)
        self._session.run("write_moved", {"identity": self._identity, "is_gone": 1} | move._asdict())
        self._connection.execute("COMMIT")

    def has_rows(self) -> bool:
        """Whether there is anything of it."""
        return self._has_rows(self._identity)

    def require_rest(self, place: str) -> None:
        """
        Refuse one as which somebody is at work.

        Args:
            place: Of the state directory whose lock this process has.

        Raises:
            IdentityHeldError: Somebody is, or nobody here can tell.
        """
        mark = ProcessMark.of_this(place)
        others = {"identity": self._identity, "process": mark.process_id}
        rows: list[Any] = self._session.run("other_processes", others).fetchall()
        for row in rows:
            if not mark.proves_dead(row):
                raise IdentityHeldError(
                    self._identity,
                    f"process {row['pid']} on {row['host']}",
                    fix="Stop that one first; if it is gone for good, say so: mycel-runtime engine bury.",
                )


class PostgresArrival(_End, Arrival):
    """
    Of any identities.

    Args:
        connection: In a transaction that is alone.
    """

    _move: Move
    _identities: Sequence[str]

    @override
    def awaits(self, move: Move) -> bool:
        return bool(self._coming(move))

    @override
    def holds(self, identities: Sequence[UserId]) -> bool:
        return any(self._has_rows(identity) for identity in identities)

    @override
    def first_ids(self) -> Mapping[str, int]:
        return self._newest_ids()

    @override
    def expect(self, move: Move, identities: Sequence[UserId]) -> None:
        self._move, self._identities = move, identities
        for identity in identities:
            row = self._session.run("read_moved", {"identity": identity}).fetchone()
            if row is not None:
                self._forget(move_of(row).kept_as + identity)

    @override
    def take(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        place = columns.index("identity")
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for row in rows:
                copy.write_row([*row[:place], self._move.kept_as + row[place], *row[place + 1 :]])

    @override
    def count(self, table: str) -> int:
        return self._count(table, [self._move.kept_as + identity for identity in self._identities])

    @override
    def deposit(self, move: Move, newest_ids: Mapping[str, int]) -> None:
        for name, table in _NUMBERED.items():
            if sequence := self._sequence(name, table):
                newest = max(self._newest(name, table), newest_ids.get(name, 0), 1)
                self._connection.execute("SELECT setval(%s, %s)", (sequence.as_string(None), newest))
        for identity in self._identities:
            self._session.run("write_moved", {"identity": identity, "is_gone": 0} | move._asdict())
        self._connection.execute("COMMIT")

    @override
    def arrive(self, move: Move) -> None:
        self._connection.execute("ROLLBACK")
        self.begin()
        for identity in self._coming(move):
            if self._has_rows(identity):
                raise JournalMoveError(
                    f"there is a journal of {identity} already", fix="Nothing was changed: both are kept."
                )
            self._rename(move.kept_as + identity, identity)
            self._session.run("forget_moved", {"identity": identity})
        self._connection.execute("COMMIT")

    def _coming(self, move: Move) -> list[str]:
        rows = self._session.run("coming", {"move_id": move.move_id}).fetchall()
        return [row["identity"] for row in rows]

    def _forget(self, name: str) -> None:
        """What another move has left or brought here; a row goes before what it refers to."""
        for table in sorted(self._tables, key=lambda table: (table == "entry", table)):
            query = sql.SQL("DELETE FROM {} WHERE identity = %s").format(sql.Identifier(table))
            self._connection.execute(query, (name,))


@contextlib.contextmanager
def departure(url: str, identity: UserId | None, place: str) -> Iterator[PostgresDeparture]:
    """
    Of an identity as which nobody is at work.

    Args:
        url: libpq's.
        identity: Whose; `None`: the only one's.
        place: Of the state directory whose lock this process has.

    Raises:
        IdentityHeldError: Somebody is.
        JournalMoveError: Nobody can tell whose, or there is nothing.
        JournalFileError, JournalError: The database cannot be used.
    """
    with alone(url) as connection:
        leaving = PostgresDeparture(connection, identity or _only(connection, place_of(url)))
        if leaving.moved is None:
            leaving.require_rest(place)
            if not leaving.has_rows():
                raise JournalMoveError(
                    "there is no journal of the agent", where=place_of(url), fix="Run the agent first."
                )
        yield leaving


@contextlib.contextmanager
def arrival(url: str) -> Iterator[PostgresArrival]:
    """
    In a database.

    Raises:
        JournalFileError, JournalError: It cannot be used.
    """
    with alone(url) as connection:
        yield PostgresArrival(connection)


@contextlib.contextmanager
def alone(url: str) -> Iterator[Connection[Row]]:
    """
    Of a database that is brought to this program's version, in a transaction without anybody else's beside it.

    It is undone unless the block commits.
    """
    with looking(url, kind=PatientConnection) as connection:
        prepare(connection, place_of(url))
        connection.execute(_BEGIN)
        yield connection
        connection.execute("ROLLBACK")


def _only(connection: Connection[Row], where: str) -> UserId:
    rows = Session(connection, None).run("movable", {}).fetchall()
    if len(rows) != 1:
        found = "no agent's journal" if not rows else f"the journals of {len(rows)} agents"
        raise JournalMoveError(
            f"it has {found}",
            where=where,
            fix="Name whose: --identity, or [agent] user_id of the agent's file.",
        )
    return UserId(rows[0]["identity"])


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _columns_of(connection: Connection[Row]) -> Mapping[str, Sequence[str]]:
    rows = connection.execute(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        if table not in OWN:
            found.setdefault(table, []).append(column)
    return found
