"""What an error of the database means; told without its details, which quote rows."""

from __future__ import annotations

import re
from typing import Any, Final

import psycopg
from psycopg import errors

from mycel_runtime.errors import JournalError, JournalFileError

_AGAIN: Final = (errors.SerializationFailure, errors.DeadlockDetected)

_AWAY: Final = frozenset({"25006", "25P03", "25P04", "55P03"})
"""A database that only follows (a failover is under way); a transaction that stood still; a lock somebody holds."""

_AWAY_CLASSES: Final = ("08", "53", "57")
"""Connections; what has run out (disk, memory, connections); the operator's interventions, and timeouts."""


_ENDS: Final = ("08", "25P03", "25P04", "57P")
"""Of a connection: it failed, or stood still within a transaction; the server stops, has crashed, or ends it."""


class AwayError(Exception):
    """The database is not there, or this connection to it has ended: what was not committed has not happened."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class RefusedError(AwayError):
    """It does not let us in: that is over once somebody has seen to it, and not by itself."""


_REFUSALS: Final = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|(role|database) \".*\" does not exist"
)
"""Of the server, and of libpq, which gives no code for them; a server that speaks another language is only away."""


def connection_error(exc: psycopg.OperationalError) -> AwayError:
    """Why a connection could not be made."""
    reason = reason_of(exc)
    return RefusedError(reason) if _REFUSALS.search(str(exc)) else AwayError(reason)


def is_away(exc: BaseException, connection: psycopg.Connection[object] | None = None) -> bool:
    """
    Whether that is over by itself, or once somebody has seen to the database, and the agent has only to wait.

    A restart, a failover to a database that does not write yet, a cut, a full disk, a table that is locked.

    Args:
        exc: What a statement has raised.
        connection: Which it has raised it.
    """
    state = (isinstance(exc, psycopg.Error) and exc.sqlstate) or ""
    if state in _AWAY or state.startswith(_AWAY_CLASSES):
        return True
    return isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError) and (
        connection is None or is_lost(exc, connection)
    )


def is_lost(exc: psycopg.Error, connection: psycopg.Connection[Any]) -> bool:
    """
    Whether the connection has ended with that; the database's last word may come before its end is seen.

    What has no code is not the database's word but its client's: that nothing more can be read or sent, or that a
    pipeline cannot be left, with which the word that was read before is hidden.
    """
    if connection.closed or connection.broken:
        return True
    if exc.sqlstate is None:
        return isinstance(exc, psycopg.OperationalError)
    return exc.sqlstate.startswith(_ENDS)


def is_to_be_repeated(exc: BaseException) -> bool:
    """Whether the transaction has only met another one."""
    return isinstance(exc, _AGAIN)


def journal_error(exc: psycopg.Error) -> JournalError:
    """
    As the journal's caller is told.

    Its name, what of the schema it is about, and its first words where these quote no value; never its details or its
    statement.
    """
    diagnosis = exc.diag
    place = " ".join(filter(None, (diagnosis.table_name, diagnosis.column_name, diagnosis.constraint_name)))
    state = exc.sqlstate or ""
    # Classes of which the first words quote data: 22 (data), 23 (constraints).
    words = "" if state.startswith(("22", "23")) else diagnosis.message_primary or ""
    told = ": ".join(filter(None, (f"PostgreSQL: {type(exc).__name__} {state}".rstrip(), place, words)))
    if isinstance(exc, errors.DiskFull):
        told += "\n  Make room on the database's disk, and try again."
    return JournalError(told)


def rights_error(exc: errors.InsufficientPrivilege, where: str) -> JournalFileError:
    """
    As whoever connects as this user is told: that is over when somebody has granted the right, and not by itself.

    Args:
        exc: Its first words name the table or the schema, and quote no value.
        where: The database.
    """
    return JournalFileError(
        f"this user lacks a right: {exc.diag.message_primary or type(exc).__name__}",
        where=where,
        fix="Make this user the database's owner, or let the owner grant it. See: mycel-runtime engine check.",
    )


def reason_of(exc: BaseException) -> str:
    """Of a connection that could not be made, in a line; libpq's words name host and user, and no password."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return lines[0] if lines else type(exc).__name__
