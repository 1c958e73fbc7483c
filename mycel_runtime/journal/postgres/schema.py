"""Recognises a journal in a database, and brings it to this program's version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.postgres.statements import MIGRATIONS

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK: Final = 0x4D59434C4D
"""An advisory lock of the database: one process migrates at a time."""

_FIX: Final = "Name a database of agents only in [engine] url."


def prepare(connection: Connection[Any], where: str) -> None:
    """
    Refuse what is not ours, unchanged; then migrate, all steps in one transaction.

    Args:
        connection: In autocommit mode.
        where: The database, for the error's text.

    Raises:
        JournalFileError: The database is somebody else's, or of a version that this program does not know.
    """
    if version_of(connection, where) == len(MIGRATIONS):
        return
    encoding = connection.execute("SHOW server_encoding").fetchone()
    if encoding is None or encoding[0] != "UTF8":
        raise JournalFileError("this database does not keep its text as UTF8", where=where, fix=_FIX)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for step in MIGRATIONS[version_of(connection, where) :]:
            connection.execute(step)
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        connection.execute("DELETE FROM schema_version")
        connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (len(MIGRATIONS),))


def version_of(connection: Connection[Any], where: str) -> int:
    """
    How many migrations the database has seen; 0: there are no tables in it.

    Raises:
        JournalFileError: As `prepare`.
    """
    found = connection.execute(
        "SELECT to_regclass('schema_version') IS NOT NULL AND to_regclass('delivery') IS NOT NULL,"
        " (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v')"
        "  AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))"
    ).fetchone()
    is_ours, tables = found or (False, 0)
    if not is_ours:
        if tables:
            raise JournalFileError(
                "there are tables in this database, and it is no journal of mycel-runtime",
                where=where,
                fix=_FIX,
            )
        return 0
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    version = 0 if row is None else int(row[0])
    if not 0 < version <= len(MIGRATIONS):
        raise JournalFileError(
            f"the journal has version {version}, this program knows {len(MIGRATIONS)}: it was made by a newer"
            " mycel-runtime",
            where=where,
            fix="Upgrade mycel-runtime.",
        )
    return version
