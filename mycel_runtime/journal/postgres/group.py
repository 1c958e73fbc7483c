"""What is committed together, and known to be once it is, whatever becomes of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from mycel_runtime.journal.postgres.locks import WiderError
from mycel_runtime.journal.postgres.process import PLACE_PREFIX
from mycel_runtime.journal.postgres.session import Later, Session, begin, commit_again, has_committed
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime.journal.postgres.process import ProcessMark
    from mycel_runtime.journal.postgres.rows import Row
    from mycel_runtime.journal.verbs.connection import Connection


@dataclass(frozen=True, slots=True)
class Reading:
    """An operation that only reads, by one statement: of one moment by itself, and in nobody's way."""

    name: str
    values: Mapping[str, Any]

    def __call__(self, connection: Connection) -> list[Any]:
        """All rows."""
        found = connection.run(self.name, self.values)
        return connection.later(found.fetchall)


class Group:
    """
    Operations of one transaction, however often it has to be run until it is known to be committed.

    Args:
        operations: Each changes nothing but the database.
        number: Its mark, if it changes anything, above that of each commit before; `None`: it may be committed twice.
        still_seconds: As of `begin`.
        identity: About which they are; `None`: about whatever there is.

    Attributes:
        is_foreign: It was found to be about another identity.
    """

    def __init__(
        self,
        operations: Sequence[Callable[[Connection], Any]],
        process: ProcessMark,
        note_time: Callable[[float], None],
        number: int | None,
        *,
        still_seconds: float,
        identity: str | None,
    ) -> None:
        self._operations = operations
        self._process = process
        self._note_time = note_time
        self._number = number
        self._still_seconds = still_seconds
        self._identity = identity
        self.is_foreign = False
        self._uncertain: list[Any] | None = None

    def run(self, connection: psycopg.Connection[Row]) -> list[Any]:
        """
        Raises what an operation, a statement or the connection raises.

        Then nothing is stored, or the next run finds out. Where all only read, no lock is taken, and each sees what
        was committed before.
        """
        if all(isinstance(operation, Reading) for operation in self._operations):
            with connection.pipeline() as pipeline:
                return self._results(Session(connection, self._process, pipeline))
        try:
            return self._run_alone(connection)
        except WiderError as exc:
            self._identity = None
            self.is_foreign = exc.identity is not None and not exc.identity.startswith(PLACE_PREFIX)
            return self._run_alone(connection)

    def _run_alone(self, connection: psycopg.Connection[Row]) -> list[Any]:
        """With the locks for what they are about."""
        begin(
            connection,
            self._process,
            self._note_time,
            still_seconds=self._still_seconds,
            identity=self._identity,
        )
        try:
            if self._uncertain is not None and self._is_there(connection):
                # It is, and its answer was lost; what waits for the disk is waited for here.
                results, self._uncertain = self._uncertain, None
                commit_again(connection)
                return results
            self._uncertain = None
            results = self._carry_out(connection)
        except BaseException:
            if not connection.closed:
                _roll_back(connection)
            raise
        self._uncertain = None
        return results

    def _carry_out(self, connection: psycopg.Connection[Row]) -> list[Any]:
        with connection.pipeline() as pipeline:
            session = Session(connection, self._process, pipeline, self._number, self._identity)
            results = self._results(session)
            if session.is_marked:
                self._uncertain = results
            session.commit()
        return results

    def _results(self, session: Session) -> list[Any]:
        returned = [operation(session) for operation in self._operations]
        return [each.answer() if isinstance(each, Later) else each for each in returned]

    def _is_there(self, connection: psycopg.Connection[Row]) -> bool:
        return self._number is not None and has_committed(connection, self._process, self._number)


def _roll_back(connection: psycopg.Connection[Row]) -> None:
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
