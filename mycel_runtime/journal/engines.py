"""
Which engine keeps an agent's journal: the only place that names one.

A SQLite file in the state directory, unless the section `[engine]` of the settings names a database: only then is
anything of that engine imported.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.errors import ConfigError
from mycel_runtime.journal.sqlite.engine import SqliteEngine
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.journal.port.database import JournalDatabase
    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.journal.transfer import Moved
    from mycel_runtime.settings import DatabaseAddress


def engine_of(state_dir: Path, database: DatabaseAddress | None = None) -> JournalEngine:
    """
    What keeps the journal of an agent; nothing is opened, made or read.

    Args:
        state_dir: The agent's.
        database: As the settings name it; `None`: there is none.

    Raises:
        ConfigError: The database's engine is not installed, or does not take the URL.
    """
    if database is None:
        return SqliteEngine(state_dir)
    with _installed():
        from mycel_runtime.journal.postgres.engine import PostgresEngine  # noqa: PLC0415 - it is for who names it
    return PostgresEngine(
        database.url,
        state_dir,
        url_where=database.where,
        identity=None if database.user_id is None else UserId(database.user_id),
        password=database.password,
        read_password=database.read_password,
        lease_seconds=database.lease_seconds,
    )


def database_of(address: DatabaseAddress) -> JournalDatabase:
    """
    A database, as its operator sees it; it is not connected to.

    Raises:
        ConfigError: Its engine is not installed, or does not take the URL.
    """
    with _installed():
        from mycel_runtime.journal.postgres.database import PostgresDatabase  # noqa: PLC0415 - as above
    return PostgresDatabase(address.url, url_where=address.where, password=address.password)


def move_journal(
    state_dir: Path, database: DatabaseAddress, *, into_database: bool, identity: UserId | None
) -> Moved:
    """
    Move an agent's journal from its file into a database, or back.

    Args:
        state_dir: The agent's, which exists.
        database: Which.
        into_database: Else out of it.
        identity: Whose, if the database may be several agents'.

    Raises:
        MycelError: As of `transfer.move`.
    """
    from mycel_runtime.journal import transfer  # noqa: PLC0415 - hardly ever wanted

    ends = (engine_of(state_dir), engine_of(state_dir, database))
    source, target = ends if into_database else ends[::-1]
    return transfer.Moved(
        source.where, target.where, transfer.move(source, target, state_dir, identity=identity)
    )


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    """Say what is missing where something is."""
    try:
        yield
    except ImportError as exc:
        raise ConfigError(
            f"what keeps a journal in PostgreSQL is not installed: {exc.name or exc}",
            where="[engine] url",
            fix="pip install 'mycel-runtime[postgres]'",
        ) from exc
