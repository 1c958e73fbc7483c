"""
Whether what answers gives each transaction another session of the database, as poolers may.

A journal needs sessions of its own: it listens in one (LISTEN), which such a pooler neither refuses nor carries out,
and nobody would hear that something is due. Statements prepared in one session are not known to the next one, either.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from psycopg import sql

from mycel_runtime.errors import JournalFileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from mycel_runtime.journal.postgres.rows import Row

POOLED: Final = "a pooler gives each transaction another connection: nothing is heard of what others make due"

OTHER_WAY: Final = (
    "Name the database itself in [engine] url, or a pooler that gives each session a connection of its own"
    " (PgBouncer: pool_mode = session)."
)

HEARD_SECONDS: Final = 5.0
"""Until a word is lost that was told on another connection."""


def require_sessions(connection: Connection[Row], connect: Callable[[], Connection[Row]], where: str) -> None:
    """
    Refuse what gives none; blocking.

    Args:
        connection: In autocommit mode.
        connect: Makes another one to the same place.
        where: The database, for the error's text.

    Raises:
        JournalFileError: It gives each transaction another session.
    """
    if is_pooled(connection, connect):
        raise JournalFileError(POOLED, where=where, fix=OTHER_WAY)


def is_pooled(connection: Connection[Row], connect: Callable[[], Connection[Row]]) -> bool:
    """
    Whether a word that is told on another connection is not heard on this one; blocking, at once in most cases.

    Args:
        connection: In autocommit mode.
        connect: Makes another one to the same place.
    """
    (backend_pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    if backend_pid == connection.info.backend_pid:
        # It is the database itself: a pooler makes up the number that it greets with.
        return False
    channel = sql.Identifier(f"mycel_{uuid.uuid4().hex}")
    connection.execute(sql.SQL("LISTEN {}").format(channel))
    with connect() as other:
        other.execute(sql.SQL("NOTIFY {}").format(channel))
    is_heard = any(connection.notifies(timeout=HEARD_SECONDS, stop_after=1))
    if is_heard:
        connection.execute(sql.SQL("UNLISTEN {}").format(channel))
    return not is_heard
