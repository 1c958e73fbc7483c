"""
One transaction of the journal: the lock, the statements, the mark, the commit, the disk.

The lock of the journal is an advisory one, of the transaction: so it works behind a pooler that gives each
transaction another connection, ends with the connection, and is never held by nobody. Whoever stands still within a
transaction, a process that is frozen, is cut off by the database after `STILL_SECONDS`, or
a share of a lease's life if that is shorter: each of its connections may have waited for the lock in turn, and nobody
can take over before.

Statements are sent as they are asked for, and answered together as soon as somebody looks at what one of them has
returned (libpq's pipeline mode): each wait for the database is a wait for this process's busy loop, too. An error is
raised where an answer is waited for; it may be an earlier statement's, and no later one is carried out.

The commit is asynchronous, so that the lock is given back before the disk is waited for; behind it, a record of its
own is written whose commit is not. That one is on the disk only behind all that was committed before it.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from psycopg import sql

from mycel_runtime.journal.postgres.statements import Statement, statement
from mycel_runtime.journal.verbs.connection import NONE_CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import psycopg

    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.journal.postgres.rows import ResultCursor, Row
    from mycel_runtime.journal.verbs.connection import Changed

T = TypeVar("T")

JOURNAL_LOCK: Final = 0x4D59434C

STILL_SECONDS: Final = 15
"""Of a process within a transaction, until the database ends its connection; others wait so long for the lock."""

# Without seqscan: each statement has an index for each table that may be large, and the plan that is kept of one may
# be made while the table is empty, or before the database has counted what came since.
_BEGIN: Final = sql.SQL(
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    " SELECT set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true),"
    " set_config('idle_in_transaction_session_timeout', '{still}ms', true),"
    " set_config('statement_timeout', '{statement}s', true), set_config('mycel.process', {process}, true);"
    " SELECT pg_advisory_xact_lock({lock});"
    # Of who has the lock: between the messages of a pipeline a frozen process's transaction is not idle.
    " SELECT extract(epoch FROM clock_timestamp())::float8,"
    " CASE WHEN current_setting('server_version_num')::int >= 170000"
    " THEN set_config('transaction_timeout', '{longest}ms', true) END"
)

_COMMIT: Final = "COMMIT"

_TO_THE_DISK: Final = (
    "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'mycel', '')"
)
"""A transaction by itself."""


class Later(NamedTuple):
    """In the place of what an operation returns."""

    answer: Callable[[], Any]


class BuriedError(Exception):
    """This process was taken for dead: what it had is others' by now."""


class Session:
    """
    What operations run statements on: `journal.verbs.Connection`.

    Args:
        connection: In autocommit mode.
        process: Whose transactions these are; `None`: nothing is written.
        pipeline: Of the connection, if it has one.
        number: Of the transaction's mark; `None`: it has none.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Row],
        process: ProcessMark | None,
        pipeline: psycopg.Pipeline | None = None,
        number: int | None = None,
    ) -> None:
        self.connection = connection
        self._own = {} if process is None else {"process": process.process_id}
        self.pipeline = pipeline
        self._number = number
        self._mark: ResultCursor | None = None
        self.has_written = False

    @property
    def is_marked(self) -> bool:
        """Whether it can be told afterwards that it was committed."""
        return self._mark is not None

    def commit(self) -> None:
        """
        Commit, and wait for the disk if there is anything to wait for; that is done when the pipeline ends.

        Raises:
            BuriedError: Of a process that is taken for dead.
        """
        if self._mark is not None and not self._mark.rowcount:
            raise BuriedError
        self.connection.execute(_COMMIT)
        if self.has_written:
            self.connection.execute(_TO_THE_DISK)

    def run(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> ResultCursor:
        """As of `Connection`; what has no names is one row."""
        found = statement(name)
        is_named = hasattr(values, "keys")
        arguments: Any = found.named({**self._own, **values}) if is_named else found.arrays([values])  # type: ignore[dict-item, list-item]
        return self._execute(found, found.text, arguments)

    def run_rows(self, name: str, rows: Sequence[Sequence[Any]]) -> Changed:
        """As of `Connection`: all rows in one statement, as one array for each column."""
        if not rows:
            return NONE_CHANGED
        found = statement(name)
        return self._execute(found, found.counted, found.arrays(rows))

    def later(self, answer: Callable[[], T]) -> T:
        """As of `Connection`: whoever carries the operations out asks for it in the end."""
        return cast("T", Later(answer))

    def together(self, asked: Iterable[T]) -> Iterable[T]:
        """As of `Connection`."""
        return list(asked)

    def _execute(self, found: Statement, text: str, arguments: Any) -> ResultCursor:
        cursor: ResultCursor = self.connection.execute(text, arguments)  # type: ignore[assignment]
        if found.writes and not self.has_written:
            self.has_written = True
            # Not before: the first one may be what registers the process.
            if self._number is not None:
                self._mark = self.run("mark_commit", {"commits": self._number})
        return cursor.follow(self.pipeline)


def begin(
    connection: psycopg.Connection[Row],
    process: ProcessMark,
    note_time: Callable[[float], None],
    *,
    still_seconds: float = math.inf,
) -> None:
    """
    Take the journal's lock, in one round trip.

    Args:
        connection: In autocommit mode.
        process: Told to the triggers, so that it does not wake itself.
        note_time: Told what the database's clock shows.
        still_seconds: For which it may stand still within it, if that is less than `STILL_SECONDS`.
    """
    still_seconds = min(still_seconds, STILL_SECONDS)
    cursor = connection.execute(_beginning(process.process_id, still_seconds))
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    assert row is not None
    note_time(row[0])


@functools.lru_cache(maxsize=256)
def _beginning(process_id: str, still_seconds: float) -> bytes:
    """Put together once: it is the same each time."""
    text = _BEGIN.format(
        still=sql.SQL(str(round(1000 * still_seconds))),
        longest=sql.SQL(str(round(2000 * still_seconds))),
        statement=sql.SQL(str(4 * STILL_SECONDS)),
        process=sql.Literal(process_id),
        lock=sql.Literal(JOURNAL_LOCK),
    )
    return text.as_bytes(None)


def commit_again(connection: psycopg.Connection[Row]) -> None:
    """End a transaction that has found an earlier one committed: wait for the disk in its place."""
    connection.execute(_COMMIT)
    connection.execute(_TO_THE_DISK)


def has_committed(connection: psycopg.Connection[Row], process: ProcessMark, number: int) -> bool:
    """Whether the commit of that mark was one; in a transaction, so that the lost one is over."""
    row = Session(connection, process).run("read_commits", {}).fetchone()
    return row is not None and row["commits"] >= number
