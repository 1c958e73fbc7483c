"""
One transaction of the journal: the locks, the statements, the mark, the commit, the disk.

The locks (`locks.py`) are advisory ones, of the transaction: so they work behind a pooler that gives each
transaction another connection, end with the connection, and are never held by nobody. Whoever stands still within a
transaction, a process that is frozen, is cut off by the database after `STILL_SECONDS`, or a share of a lease's life
if that is shorter: each of its connections may have waited for a lock in turn, and nobody can take over before. Where
the database does not see that it stands still, whoever has waited so long for its lock has it cut off.

Statements are sent as they are asked for, and answered together as soon as somebody looks at what one of them has
returned (libpq's pipeline mode): each wait for the database is a wait for this process's busy loop, too. An error is
raised where an answer is waited for; it may be an earlier statement's, and no later one is carried out.

The commit is asynchronous, so that the locks are given back before the disk is waited for; behind it, a record of its
own is written whose commit is not. That one is on the disk only behind all that was committed before it.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from psycopg import errors, sql

from mycel_runtime.journal.postgres.locks import WIDE, WiderError, end_who_stand_still, taking
from mycel_runtime.journal.postgres.statements import Statement, statement
from mycel_runtime.journal.verbs.connection import NONE_CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import psycopg

    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.journal.postgres.rows import ResultCursor, Row
    from mycel_runtime.journal.verbs.connection import Changed

T = TypeVar("T")

STILL_SECONDS: Final = 15
"""Of a process within a transaction, until the database ends its connection."""

WIDE_SECONDS: Final = 2.0
"""For which a transaction about all identities waits for them at a time: nobody begins another one meanwhile."""

# Without seqscan: each statement has an index for each table that may be large, and the plan that is kept of one may
# be made while the table is empty, or before the database has counted what came since.
_BEGIN: Final = sql.SQL(
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    " SELECT set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true),"
    " set_config('idle_in_transaction_session_timeout', '{still}ms', true),"
    " set_config('statement_timeout', '{statement}s', true), set_config('mycel.process', {process}, true);"
    " SELECT set_config('lock_timeout', '{patience}ms', true);"
    " {locks};"
    # Of who has the lock: between the messages of a pipeline a frozen process's transaction is not idle.
    " SELECT extract(epoch FROM clock_timestamp())::float8,"
    " CASE WHEN current_setting('server_version_num')::int >= 170000"
    " THEN set_config('transaction_timeout', '{longest}ms', true) END, set_config('lock_timeout', '0', true)"
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
        identity: About which it is; `None`: about whatever there is.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Row],
        process: ProcessMark | None,
        pipeline: psycopg.Pipeline | None = None,
        number: int | None = None,
        identity: str | None = None,
    ) -> None:
        self._identity = identity
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
        if self._identity is not None:
            self._require_within(name, found, [values])
        arguments: Any = found.named({**self._own, **values}) if is_named else found.arrays([values])  # type: ignore[dict-item, list-item]
        return self._execute(found, found.text, arguments)

    def run_rows(self, name: str, rows: Sequence[Sequence[Any]]) -> Changed:
        """As of `Connection`: all rows in one statement, as one array for each column."""
        if not rows:
            return NONE_CHANGED
        found = statement(name)
        if self._identity is not None:
            self._require_within(name, found, rows)
        return self._execute(found, found.counted, found.arrays(rows))

    def later(self, answer: Callable[[], T]) -> T:
        """As of `Connection`: whoever carries the operations out asks for it in the end."""
        return cast("T", Later(answer))

    def together(self, asked: Iterable[T]) -> Iterable[T]:
        """As of `Connection`."""
        return list(asked)

    def _require_within(self, name: str, found: Statement, asked: Iterable[Any]) -> None:
        """
        Refuse what the locks of an identity are not enough for, before it is sent.

        Raises:
            WiderError: It is about another one, or about all.
        """
        if name in WIDE:
            raise WiderError(None)
        place = found.identity_place
        for values in asked if place is not None else ():
            if values[place] != self._identity:
                raise WiderError(values[place])

    def _execute(self, found: Statement, text: str, arguments: Any) -> ResultCursor:
        is_first = found.writes and not self.has_written
        self.has_written |= found.writes
        # Before anything else of the kind, so that whoever has others' rows of processes has had its own one before;
        # but what registers the process.
        is_registered = found is not statement("register_process")
        if is_first and is_registered:
            self._note_commit()
        cursor: ResultCursor = self.connection.execute(text, arguments)  # type: ignore[assignment]
        if is_first and not is_registered:
            self._note_commit()
        return cursor.follow(self.pipeline)

    def _note_commit(self) -> None:
        if self._number is not None:
            self._mark = self.run("mark_commit", {"commits": self._number})


def begin(
    connection: psycopg.Connection[Row],
    process: ProcessMark,
    note_time: Callable[[float], None],
    *,
    still_seconds: float = math.inf,
    identity: str | None = None,
) -> None:
    """
    Take the locks, in one round trip.

    Args:
        connection: In autocommit mode.
        process: Told to the triggers, so that it does not wake itself.
        note_time: Told what the database's clock shows.
        still_seconds: For which it may stand still within it, if that is less than `STILL_SECONDS`.
        identity: About which it is; `None`: about whatever there is.

    Raises:
        LockNotAvailable: Somebody has had a lock for as long. Who stands still has it no more.
    """
    still_seconds = min(still_seconds, STILL_SECONDS)
    try:
        cursor = connection.execute(_beginning(process.process_id, still_seconds, identity))
    except errors.LockNotAvailable:
        connection.execute("ROLLBACK")
        end_who_stand_still(connection, identity, still_seconds)
        raise
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    assert row is not None
    note_time(row[0])


@functools.lru_cache(maxsize=256)
def _beginning(process_id: str, still_seconds: float, identity: str | None) -> bytes:
    """Put together once: it is the same each time."""
    patience = min(still_seconds, WIDE_SECONDS) if identity is None else still_seconds
    text = _BEGIN.format(
        still=sql.SQL(str(round(1000 * still_seconds))),
        longest=sql.SQL(str(round(2000 * still_seconds))),
        statement=sql.SQL(str(4 * STILL_SECONDS)),
        process=sql.Literal(process_id),
        patience=sql.SQL(str(round(1000 * patience))),
        locks=sql.SQL(taking(identity)),
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
