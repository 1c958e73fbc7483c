"""
The locks of a journal, and who may be made to give one back.

A transaction about one identity has the database's lock with others who have it likewise (shared), and its identity's
alone. One about whatever there is has the database's alone. Nobody takes a second identity's, or the database's after
an identity's: whoever finds that his transaction is about more than he has the locks for (`WiderError`) undoes it and
begins again with the database's. So nobody waits in a circle.

Two identities may share a lock, because it is known by a hash: they wait for each other, and that is all.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psycopg

    from mycel_runtime.journal.postgres.rows import Row

JOURNAL_LOCK: Final = 0x4D59434C
"""Of the database: an advisory lock, with one key."""

IDENTITY_LOCKS: Final = 0x4D59
"""The first key of an identity's lock: an advisory one, with two keys."""

WRITER_NAME: Final = "mycel-runtime"
"""Of a connection on which transactions are bounded, as `pg_stat_activity` shows it."""

WIDE: Final = frozenset(
    {
        "letters_by_age",
        *("page_of_questions", "page_of_utterances", "page_of_turns", "page_of_sends", "page_of_entries"),
        *("prune_questions", "prune_utterances", "prune_old_turns", "prune_sends", "prune_entries"),
        *("explain_own", "prune_turns"),
    }
)
"""Statements about all identities: those of a sweep, and of a log of turns that has grown too long."""

_END_STILL: Final = """
SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name = %s
  AND a.state = 'active' AND a.wait_event_type = 'Client'
  AND clock_timestamp() - greatest(a.query_start, a.state_change) > make_interval(secs => %s)
  AND EXISTS (SELECT 1 FROM pg_locks AS l
              WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
                AND (l.classid, l.objid, l.objsubid) IN ((0, %s, 1), (%s, %s, 2)))
"""


class WiderError(Exception):
    """
    A transaction of an identity is about more than that.

    Args:
        identity: About which one; `None`: about all.
    """

    def __init__(self, identity: str | None) -> None:
        self.identity = identity
        super().__init__(identity)


def taking(identity: str | None) -> str:
    """
    The statements that take the locks, each after the one before.

    Args:
        identity: Of a transaction that is about one; `None`: it is about whatever there is.
    """
    if identity is None:
        return f"SELECT pg_advisory_xact_lock({JOURNAL_LOCK})"
    key = _key_of(identity)
    # As PostgreSQL counts: with a sign.
    signed = key - 2**32 if key >= 2**31 else key
    return (
        f"SELECT pg_advisory_xact_lock_shared({JOURNAL_LOCK});"
        f" SELECT pg_advisory_xact_lock({IDENTITY_LOCKS}, {signed})"
    )


def end_who_stand_still(connection: psycopg.Connection[Row], identity: str | None, seconds: float) -> None:
    """
    Have the database end connections that have one of these locks and say nothing, within a pipeline.

    What stands still between two transactions' messages it ends by itself; within a pipeline it takes a transaction
    for one at work, up to PostgreSQL 16. Their transactions are undone. Of other users' connections nothing is known.

    Args:
        connection: In autocommit mode.
        identity: As of `taking`.
        seconds: For which they have said nothing.
    """
    key = 0 if identity is None else _key_of(identity)
    connection.execute(_END_STILL.encode(), (WRITER_NAME, seconds, JOURNAL_LOCK, IDENTITY_LOCKS, key))


@functools.lru_cache(maxsize=1024)
def _key_of(identity: str) -> int:
    return zlib.crc32(identity.encode())
