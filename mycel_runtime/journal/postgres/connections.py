"""
The connections of this process to one database: a few, whatever number of agents it has.

A journal needs one of them for the time of a transaction; so journals of the same database share them, the threads
that use them, of which there are no more than connections, and the one that listens. They end with the last journal.

`psycopg_pool` was in this place: it connects in threads of its own, keeps to itself why that is in vain, and tries it
after pauses of its own, so that nobody could be told what is wrong with the database, and each outage lasted longer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import conninfo
from typing_extensions import override

from mycel_runtime.errors import ConfigError, JournalAwayError
from mycel_runtime.journal.postgres.failures import (
    AwayError,
    RefusedError,
    connection_error,
    is_lost,
    journal_error,
    reason_of,
    rights_error,
)
from mycel_runtime.journal.postgres.listener import Listener
from mycel_runtime.journal.postgres.locks import WRITER_NAME
from mycel_runtime.journal.postgres.passwords import PASSWORDS
from mycel_runtime.journal.postgres.pooler import require_sessions
from mycel_runtime.journal.postgres.rows import ResultCursor, Row, row_maker
from mycel_runtime.journal.postgres.schema import prepare
from mycel_runtime.journal.postgres.text_values import adapt_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POOL_SIZE: Final = 4
"""Connections, and threads, at most; beside one that listens. An agent has one transaction at a time."""

CONNECT_SECONDS: Final = 10

LISTENER_NAME: Final = "mycel-runtime-listener"
"""Of the connection that listens, as `pg_stat_activity` shows it."""

SILENT_SECONDS: Final = 20.0
"""
That an answer may take; then the connection is given up as one that carries nothing, though nobody has closed it.

More than others wait for the lock of one that stands still (`session.STILL_SECONDS`). The kernel tells sooner, where
it is asked: not of a database behind something that keeps our side of the connection.
"""

_LOOK_SECONDS: Final = 0.1
"""Between two looks whether a signal has come."""


class BoundedConnection(psycopg.Connection[Row]):
    """
    One on which nothing is waited for without end.

    Attributes:
        silent_seconds: That an answer may take.
        own_name: By which the database knows it, if it is told no other.
    """

    silent_seconds = SILENT_SECONDS
    own_name = WRITER_NAME

    @override
    def wait(self, gen: Any, interval: float = _LOOK_SECONDS, timeout: float | None = None) -> Any:
        """As psycopg's, which waits for ever by default; what has not come in time closes the connection."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.silent_seconds)
        except psycopg.OperationalError:
            if time.monotonic() - began < self.silent_seconds:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer for {self.silent_seconds:g} s") from None


class PatientConnection(BoundedConnection):
    """For an operator's work, which may be one statement about all rows that there are."""

    silent_seconds = 86_400.0
    own_name = "mycel-runtime-operator"


class Connections:
    """
    To one database; open from its first use on.

    Args:
        url: libpq's, with the password; nobody is told it.

    Attributes:
        threads: For what blocks.
        listener: Of all journals.
        schema_version: Since they are open.
    """

    schema_version = 0

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[BoundedConnection] = []
        self.threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="journal-postgres")
        self.listener = Listener(self.connect)

    @property
    def place(self) -> str:
        """Where the database is, for a person: without the password."""
        return place_of(self._url)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place}>"

    def open(self) -> None:
        """
        Migrate; blocking.

        Raises:
            JournalFileError: The database is none of ours, or behind a pooler that gives no sessions.
            JournalError: It cannot be reached.
        """
        with looking(self._url) as connection:
            require_sessions(connection, lambda: connected(self._url), self.place)
            _, self.schema_version = prepare(connection, place_of(self._url))

    def connect(self) -> BoundedConnection:
        """
        A connection of its own, for who listens; blocking.

        Raises:
            AwayError: There is none to be had.
        """
        return connected(self._url, name=LISTENER_NAME)

    def take(self) -> BoundedConnection:
        """
        One of those that nobody uses, or a new one, to be given back; blocking.

        Raises:
            AwayError: There is none to be had.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return connected(self._url)

    def give_back(self, connection: BoundedConnection) -> None:
        """Whatever has become of it: one that is lost, or within a transaction, is closed."""
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
            return
        connection.close()
        # Where one is lost the others are, too, or one more is soon had.
        self._close_idle()

    def close(self) -> None:
        """Blocking; nobody uses one any more."""
        self.listener.close()
        self._close_idle()
        self.threads.shutdown()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()


def connected(
    url: str, *, name: str = "", kind: type[BoundedConnection] = BoundedConnection
) -> BoundedConnection:
    """
    A connection, with the password as it is by now; blocking.

    Args:
        url: libpq's.
        name: By which the database knows it; empty: by its kind's.
        kind: How long it waits for an answer.

    Raises:
        AwayError: There is none to be had.
    """
    while True:
        known = PASSWORDS.current(url)
        try:
            connection = kind.connect(known, **_OPTIONS | {"application_name": name or kind.own_name})
        except psycopg.OperationalError as exc:
            error = connection_error(exc)
            if not isinstance(error, RefusedError) or not PASSWORDS.renew(url, known):
                raise error from None
        else:
            adapt_text(connection)
            return connection


@contextlib.contextmanager
def looking(url: str, *, kind: type[BoundedConnection] = BoundedConnection) -> Iterator[BoundedConnection]:
    """
    A connection for a block; blocking.

    Args:
        url: libpq's.
        kind: As of `connected`.

    Raises:
        ConfigError: It does not let us in.
        JournalFileError: This user lacks a right for what the block asks for.
        JournalAwayError: The database cannot be reached, or goes away meanwhile.
        JournalError: What the block asks for fails.
    """
    try:
        with connected(url, kind=kind) as connection, _losses_of(connection):
            yield connection
            # Here, and not as the connection is left: it may be lost by now.
            connection.commit()
    except RefusedError as exc:
        raise ConfigError(
            f"PostgreSQL refuses the connection: {exc.reason}", where=place_of(url), fix=_REFUSED_FIX
        ) from None
    except AwayError as exc:
        raise JournalAwayError(f"PostgreSQL cannot be reached: {exc.reason}", where=place_of(url)) from None
    except psycopg.errors.InsufficientPrivilege as exc:
        raise rights_error(exc, place_of(url)) from None
    except psycopg.Error as exc:
        raise journal_error(exc) from None


@contextlib.contextmanager
def _losses_of(connection: BoundedConnection) -> Iterator[None]:
    """The block raises `AwayError` where the connection ends before it does."""
    try:
        yield
    except psycopg.Error as exc:
        if not is_lost(exc, connection):
            raise
        raise AwayError(reason_of(exc)) from None


_REFUSED_FIX: Final = (
    "Look at user and database in [engine] url, and at the password in password_file, or in the credential"
    " engine.password."
)

LINK_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": WRITER_NAME,
        # After a failover: not one that only follows.
        "target_session_attrs": "read-write",
        # Half-open connections are told from quiet ones within a quarter of a minute.
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
)
"""Of every connection, whatever it is for."""

_OPTIONS: Final[dict[str, Any]] = {
    **LINK_OPTIONS,
    "autocommit": True,
    "row_factory": row_maker,
    "cursor_factory": ResultCursor,
}


def place_of(url: str) -> str:
    """Where a database is, for a person: without the password."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "PostgreSQL"
    return f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"


def _is_news(record: logging.LogRecord) -> bool:
    """Of psycopg: that a pipeline ends behind a statement that failed tells nothing beside that statement's error."""
    return not str(record.msg).startswith("error ignored terminating")


logging.getLogger("psycopg").addFilter(_is_news)


class _Shared:
    """Of this process, by their URL, with how many use each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, tuple[Connections, int]] = {}

    def take(self, url: str) -> Connections:
        """To be given up by `leave`; blocking; raises as `Connections.open`."""
        with self._lock:
            connections, users = self._used.get(url) or (Connections(url), 0)
            if not users:
                connections.open()
            self._used[url] = (connections, users + 1)
            return connections

    def leave(self, url: str) -> None:
        """They are needed no more by one who took them; blocking."""
        with self._lock:
            connections, users = self._used.pop(url)
            if users > 1:
                self._used[url] = (connections, users - 1)
                return
        connections.close()


SHARED: Final = _Shared()
"""The connections of this process."""
