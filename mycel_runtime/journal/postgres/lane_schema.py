"""Procrastinate's objects, in a schema of their own in the journal's database; made once, and brought up to date."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from procrastinate.schema import SchemaManager
from psycopg import conninfo, errors

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.postgres.connections import looking, place_of
from mycel_runtime.journal.postgres.rights import LANE_SCHEMA

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK: Final = 0x4D59434C4C
"""An advisory lock of the database: one process makes or changes it at a time."""


def with_lane_schema(url: str) -> str:
    """A connection's address, to the same database, for which names mean what is in that schema."""
    given = conninfo.conninfo_to_dict(url).get("options")
    options = f"-c search_path={LANE_SCHEMA}"
    return conninfo.make_conninfo(url, options=f"{given} {options}" if given else options)


def prepare_lanes(url: str) -> None:
    """
    Let the schema be there, as this version of procrastinate wants it; blocking.

    Procrastinate keeps no version, and its schema can be made once only: so which of its migrations are in it is
    written down beside it.

    Args:
        url: libpq's.

    Raises:
        JournalFileError: This user may not make it.
        JournalError: The database cannot be reached, or refuses.
    """
    with looking(url) as connection:
        if not _missing(connection):
            return
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                _make(connection, _missing(connection))
        except errors.InsufficientPrivilege:
            raise JournalFileError(
                f"what workers need in it (schema {LANE_SCHEMA}) is not of this version, and this user may not"
                " change it",
                where=place_of(url),
                fix="As a user who may: mycel-runtime engine init --url URL",
            ) from None


def _missing(connection: Connection[Any]) -> dict[str, str]:
    """Migrations that are not in it, by name, in order; all of them where there is no schema."""
    known = _migrations()
    if not _is_there(connection):
        return known
    rows = connection.execute(f"SELECT name FROM {LANE_SCHEMA}.applied_migration").fetchall()  # noqa: S608 - ours
    applied = {row[0] for row in rows}
    return {name: text for name, text in known.items() if name not in applied}


def _is_there(connection: Connection[Any]) -> bool:
    """
    Whether the schema was made.

    As rows, that are read anew behind a lock: `to_regclass` would go by what this connection has found before.
    """
    found = connection.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'applied_migration'", (LANE_SCHEMA,)
    )
    return found.fetchone() is not None


def _make(connection: Connection[Any], missing: dict[str, str]) -> None:
    """In a transaction."""
    if not missing:
        return
    is_new = not _is_there(connection)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {LANE_SCHEMA}")
    connection.execute(f"SET LOCAL search_path = {LANE_SCHEMA}")
    if is_new:
        connection.execute('CREATE TABLE applied_migration (name TEXT COLLATE "C" PRIMARY KEY)')
        connection.execute(SchemaManager.get_schema())
    else:
        for text in missing.values():
            connection.execute(text)
    for name in missing:
        connection.execute("INSERT INTO applied_migration (name) VALUES (%s)", (name,))


def _migrations() -> dict[str, str]:
    """Procrastinate's own, by name, in order; what it has for a new database holds all of them."""
    folder = resources.files("procrastinate.sql") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return {file.name: file.read_text() for file in files}
