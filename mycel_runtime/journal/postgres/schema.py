"""
Recognises a journal in a database, and brings it to this program's version.

Steps are forward only, and additive from the second one on: whatever is at work with an earlier version goes on while
a step is taken, and after it. Each file says in a line which version of a program it serves yet, so that an earlier
program also starts on a newer schema, as long as no step has taken that from it: hosts of a fleet are brought up to
date one after the other, and one of them can go back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, LiteralString, NamedTuple

from psycopg import errors

from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.postgres.rights import missing_rights
from mycel_runtime.journal.postgres.statements import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

_LOCK: Final = 0x4D59434C4D
"""An advisory lock of the database: one process migrates at a time."""

STILL_SECONDS: Final = 15
"""Of a process between two steps, until the database ends its connection: one that is frozen has tables locked."""

LOCK_SECONDS: Final = 10
"""A step waits so long for a table that somebody else has locked: whoever comes behind it waits, too."""

_FIX: Final = "Name a database of agents only in [engine] url."

_SERVES: Final = re.compile(r"^-- Serves programs from version (\d+) on\.$", re.MULTILINE)


class SchemaVersion(NamedTuple):
    """
    What a database has seen.

    Attributes:
        version: How many migrations; 0: there are no tables in it.
        serves: The earliest version of a program that may use it.
    """

    version: int
    serves: int


def serves_from(steps: Sequence[str]) -> int:
    """The earliest version of a program that may use a schema that has seen these steps."""
    return max(int(found[1]) if (found := _SERVES.search(step)) else 1 for step in steps)


def prepare(connection: Connection[Any], where: str) -> tuple[int, int]:
    """
    Refuse what is not ours, unchanged; then migrate, all steps in one transaction.

    Args:
        connection: In autocommit mode.
        where: The database, for the error's text.

    Returns:
        The version before, 0 if there was none, and the version now: a newer one than this program's stays.

    Raises:
        JournalFileError: The database is somebody else's, or of a version that this program cannot use, or this user
            may not change it.
    """
    version = version_of(connection, where)
    if version >= len(MIGRATIONS):
        return version, version
    encoding = connection.execute("SHOW server_encoding").fetchone()
    if encoding is None or encoding[0] != "UTF8":
        raise JournalFileError("this database does not keep its text as UTF8", where=where, fix=_FIX)
    try:
        return _migrate(connection, where)
    except errors.InsufficientPrivilege:
        if not version:
            raise JournalFileError(
                "there is no schema of mycel-runtime in this database, and this user may not make it",
                where=where,
                fix="As a user who may, the database's owner for example: mycel-runtime engine init --url URL",
            ) from None
        raise JournalFileError(
            f"its schema has version {version}, this program wants {len(MIGRATIONS)}, and this user may not change"
            " it",
            where=where,
            fix="As a user who owns the tables, or may make them: mycel-runtime engine migrate --url URL",
        ) from None


def begin(connection: Connection[Any]) -> None:
    """Wait until no other process migrates, and bound what waits for this one; in a transaction."""
    connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STILL_SECONDS}s'")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def _migrate(connection: Connection[Any], where: str) -> tuple[int, int]:
    with connection.transaction():
        begin(connection)
        version = version_of(connection, where)
        steps = MIGRATIONS[version:]
        for step in steps:
            connection.execute(step)
        if steps:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL, serves BIGINT NOT NULL)"
            )
            connection.execute("DELETE FROM schema_version")
            connection.execute(
                "INSERT INTO schema_version (version, serves) VALUES (%s, %s)",
                (len(MIGRATIONS), serves_from(MIGRATIONS)),
            )
        return version, max(version, len(MIGRATIONS))


def version_of(connection: Connection[Any], where: str) -> int:
    """
    How many migrations the database has seen; 0: there are no tables in it. More than are known here may be usable.

    Raises:
        JournalFileError: As `prepare`.
    """
    found = schema_version(connection, where)
    if found.version and found.serves > len(MIGRATIONS):
        raise JournalFileError(
            f"the journal has version {found.version}, this program knows {len(MIGRATIONS)}: it was made by a newer"
            " mycel-runtime",
            where=where,
            fix="Upgrade mycel-runtime.",
        )
    return found.version


def schema_version(connection: Connection[Any], where: str) -> SchemaVersion:
    """
    As `version_of`, whether this program can use it or not.

    Raises:
        JournalFileError: The database is somebody else's.
    """
    found = connection.execute(
        "SELECT to_regclass('schema_version') IS NOT NULL AND to_regclass('delivery') IS NOT NULL,"
        " (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v', 'p')"
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
        _require_right(connection, "current_schema() IS NOT NULL", where)
        return SchemaVersion(0, 0)
    _require_right(connection, "has_table_privilege('schema_version', 'SELECT')", where)
    row = connection.execute("SELECT version, serves FROM schema_version").fetchone()
    if row is None or row[0] < 1:
        raise JournalFileError(
            "its table schema_version says no version", where=where, fix="Restore a copy of the database."
        )
    return SchemaVersion(int(row[0]), int(row[1]))


def _require_right(connection: Connection[Any], condition: LiteralString, where: str) -> None:
    """
    Of a user who may not even ask for the version.

    Raises:
        JournalFileError: The condition does not hold.
    """
    held, schema = connection.execute(
        f"SELECT {condition}, coalesce(current_schema(), 'public')"
    ).fetchone() or (False, "")
    missing = None if held else missing_rights(connection, schema)
    if missing is not None:
        raise JournalFileError(
            "this user may not read its tables",
            where=where,
            fix=f"As their owner: {' '.join(missing.grants)}",
        )
