"""Looks at a journal in PostgreSQL: each verb by a connection of its own, which only reads and waits for nobody."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import JournalError, JournalFileError, WhoseJournalError
from mycel_runtime.journal.changes import StoredItem, StoreSize
from mycel_runtime.journal.move import KEPT
from mycel_runtime.journal.own_sends import OwnSends
from mycel_runtime.journal.pause import NOBODY
from mycel_runtime.journal.port.reader import JournalReader
from mycel_runtime.journal.postgres.connections import looking, place_of
from mycel_runtime.journal.postgres.schema import version_of
from mycel_runtime.journal.postgres.session import Session
from mycel_runtime.journal.postgres.statements import MIGRATIONS
from mycel_runtime.journal.verbs.letters import letter_of
from mycel_runtime.journal.verbs.skips import work_item_of
from mycel_runtime.journal.verbs.speech import intent_of, own_sends_of
from mycel_runtime.journal.verbs.statistics import summary_of
from mycel_runtime.journal.verbs.timers import timer_of
from mycel_runtime.journal.verbs.turn_log import SqlTurnLog
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    import psycopg

    from mycel_runtime.journal.backlog import WorkItem
    from mycel_runtime.journal.changes import Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.port.turn_log import TurnLog
    from mycel_runtime.journal.postgres.rows import Row
    from mycel_runtime.journal.summary import JournalSummary
    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.journal.verbs.connection import Row as AnyRow


class PostgresReader(JournalReader):
    """
    Of a database in which there need not be a journal.

    Args:
        url: libpq's, with the password, which nobody is told.
        own: Tells whose journal is looked at, `None` as long as nobody knows; without it, everybody's.
        clock: Epoch seconds, in the place of the database's clock.
    """

    def __init__(
        self,
        url: str,
        *,
        own: Callable[[], UserId | None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._url = url
        self._own = own
        self._clock = clock

    @override
    def now(self) -> float:
        """Blocking, as all verbs of a reader."""
        if self._clock is not None:
            return self._clock()
        with looking(self._url) as connection:
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert row is not None
            return float(row[0])

    @override
    def identities(self) -> Sequence[UserId]:
        known = [UserId(row[0]) for row in self._rows("identities", {}) if not row[0].startswith(KEPT)]
        if self._own is None:
            return known
        if (own := self._own()) is not None:
            return [own]
        if len(known) > 1:
            raise WhoseJournalError(f"PostgreSQL {place_of(self._url)}")
        return known

    @override
    def pausable(self) -> Sequence[UserId]:
        """Others' work says nothing: the only one that the database holds may be another agent's."""
        return [(self._own and self._own()) or NOBODY]

    @override
    def summary(self, identity: UserId) -> JournalSummary:
        with one_moment(self._url) as session:
            if session is None:
                raise JournalError(f"{place_of(self._url)}: there is no journal")
            return summary_of(session, identity)

    @override
    def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        rows = self._rows("work", {"identity": identity, "limit": limit})
        return [work_item_of(row) for row in rows]

    @override
    def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        return [letter_of(row) for row in self._rows("dead_letters", {"identity": identity})]

    @override
    def unresolved(self, identity: UserId) -> Sequence[Intent]:
        return [intent_of(row) for row in self._rows("unresolved", {"identity": identity})]

    @override
    def stores(self, identity: UserId) -> Sequence[StoreSize]:
        return [StoreSize(*row) for row in self._rows("stores", {"identity": identity})]

    @override
    def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        return [StoredItem(*row) for row in self._rows("all_items", {"identity": identity})]

    @override
    def timers(self, identity: UserId) -> Sequence[Timer]:
        return [timer_of(row) for row in self._rows("timers", {"identity": identity})]

    @override
    def own_sends(self, identity: UserId, *, chat_id: str) -> OwnSends:
        with one_moment(self._url) as session:
            if session is None:
                return OwnSends(message_ids=frozenset(), unplaced={})
            return own_sends_of(session, {"identity": identity, "chat_id": chat_id, "after_seq": 0})

    @override
    def turn_log(self, identity: UserId) -> TurnLog:
        return PostgresTurnLog(self._url, identity)

    def _rows(self, name: str, values: Mapping[str, Any]) -> list[AnyRow]:
        with one_moment(self._url) as session:
            return [] if session is None else session.run(name, values).fetchall()


class PostgresTurnLog(SqlTurnLog):
    """
    Of one identity.

    Args:
        url: As of `PostgresReader`.
        identity: Whose.

    Raises:
        JournalFileError: There is no journal.
        JournalError: It cannot be read.
    """

    def __init__(self, url: str, identity: UserId) -> None:
        self._url = url
        self._identity = identity
        with one_moment(url) as session:
            if session is None:
                raise JournalFileError(
                    "there is no journal",
                    where=place_of(url),
                    fix="Run the agent first: it logs its turns there.",
                )

    @override
    def _rows(self, name: str, values: Mapping[str, Any]) -> list[AnyRow]:
        with one_moment(self._url) as session:
            return (
                []
                if session is None
                else session.run(name, {"identity": self._identity, **values}).fetchall()
            )


@contextlib.contextmanager
def one_moment(url: str) -> Iterator[Connection | None]:
    """
    What statements are read on, all of one moment; `None`: there is no journal; blocking.

    Raises:
        JournalFileError: The database is none of ours, or not of this version.
        JournalError: It cannot be read.
    """
    with looking(url) as connection:
        connection.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '30s'"
        )
        yield _session(connection, url)


def _session(connection: psycopg.Connection[Row], url: str) -> Connection | None:
    version = version_of(connection, place_of(url))
    if not version:
        return None
    if version < len(MIGRATIONS):
        raise JournalFileError(
            f"the journal has version {version}, and is read from version {len(MIGRATIONS)} on",
            where=place_of(url),
            fix="Run the agent once: it brings the journal up to date.",
        )
    return Session(connection, None)
