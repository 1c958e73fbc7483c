"""
The connections of this process to one database: a few, whatever number of agents it has.

A journal needs one of them for the time of a transaction; so journals of the same database share them, the threads
that use them, and the one that listens. They end with the last journal.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import conninfo
from psycopg_pool import ConnectionPool, PoolTimeout
from typing_extensions import override

from mycel_runtime.errors import JournalAwayError
from mycel_runtime.journal.postgres.failures import AwayError, is_away, journal_error, reason_of
from mycel_runtime.journal.postgres.listener import Listener
from mycel_runtime.journal.postgres.rows import ResultCursor, Row, row_maker
from mycel_runtime.journal.postgres.schema import prepare
from mycel_runtime.journal.postgres.text_values import adapt_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from pydantic import SecretStr

POOL_SIZE: Final = 4
"""Connections, and threads, at most; beside one that listens. Transactions come one behind the other in any case."""

CONNECT_SECONDS: Final = 10

LISTENER_NAME: Final = "mycel-runtime-listener"
"""Of the connection that listens, as `pg_stat_activity` shows it."""

GET_SECONDS: Final = 5.0
"""Until it is told that there is no connection to be had."""


class Connections:
    """
    To one database; open from its first use on.

    Args:
        url: libpq's, with the password; nobody is told it.

    Attributes:
        threads: For what blocks.
        listener: Of all journals.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: ConnectionPool[Connection[Row]] | None = None
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
            JournalError: The database cannot be reached, or is none of ours.
        """
        with looking(self._url) as connection:
            prepare(connection, place_of(self._url))
        self._pool = ConnectionPool(
            self._url,
            connection_class=psycopg.Connection[Row],
            kwargs=_OPTIONS,
            configure=adapt_text,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=GET_SECONDS,
            reconnect_timeout=CONNECT_SECONDS,
            name=place_of(self._url),
            num_workers=1,
            open=True,
        )

    def connect(self) -> Connection[Row]:
        """
        A connection of its own, for who listens; blocking.

        Raises:
            AwayError: There is none to be had.
        """
        return connected(self._url, name=LISTENER_NAME)

    def take(self) -> Connection[Row]:
        """
        One of the pool, to be given back; blocking.

        Raises:
            AwayError: There is none to be had.
        """
        assert self._pool is not None
        try:
            return self._pool.getconn()
        except PoolTimeout:
            raise AwayError("no connection to be had") from None
        except psycopg.Error as exc:
            if is_away(exc):
                raise AwayError(reason_of(exc)) from None
            raise

    def give_back(self, connection: Connection[Row]) -> None:
        """Whatever has become of it: one that is lost, or within a transaction, is closed."""
        assert self._pool is not None
        if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            connection.close()
        self._pool.putconn(connection)

    def close(self) -> None:
        """Blocking; nobody uses one any more."""
        self.listener.close()
        if self._pool is not None:
            self._pool.close(timeout=CONNECT_SECONDS)
        self.threads.shutdown()


def connected(url: str, *, name: str = "mycel-runtime") -> Connection[Row]:
    """
    A connection; blocking.

    Args:
        url: libpq's.
        name: By which the database knows it.

    Raises:
        AwayError: There is none to be had.
    """
    try:
        connection = psycopg.Connection[Row].connect(url, **_OPTIONS | {"application_name": name})
    except psycopg.OperationalError as exc:
        raise AwayError(reason_of(exc)) from None
    adapt_text(connection)
    return connection


@contextlib.contextmanager
def looking(url: str) -> Iterator[Connection[Row]]:
    """
    A connection for a block; blocking.

    Raises:
        JournalAwayError: The database cannot be reached.
        JournalError: What the block asks for fails.
    """
    try:
        with connected(url) as connection:
            yield connection
    except AwayError as exc:
        raise JournalAwayError(f"PostgreSQL cannot be reached: {exc.reason}", where=place_of(url)) from None
    except psycopg.Error as exc:
        raise journal_error(exc) from None


_OPTIONS: Final[dict[str, Any]] = {
    "autocommit": True,
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "mycel-runtime",
    # After a failover: not one that only follows.
    "target_session_attrs": "read-write",
    # Half-open connections are told from quiet ones within a quarter of a minute.
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "row_factory": row_maker,
    "cursor_factory": ResultCursor,
}


def url_with(url: str, password: SecretStr | None) -> str:
    """libpq's, with a password in the place of one that is in it."""
    secret = {} if password is None else {"password": password.get_secret_value()}
    return conninfo.make_conninfo(url, **secret)


def place_of(url: str) -> str:
    """Where a database is, for a person: without the password."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "PostgreSQL"
    return f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"


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
