"""The PostgreSQL engine, before anybody has its journal open."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Final

from psycopg import errors, sql
from typing_extensions import override

from mycel_runtime.errors import ConfigError, JournalError, JournalFileError
from mycel_runtime.journal.file_name import IDENTITY_NAME, JOURNAL_NAME, is_journal
from mycel_runtime.journal.inspection import Inspection
from mycel_runtime.journal.lock import directory_held
from mycel_runtime.journal.port.engine import JournalEngine
from mycel_runtime.journal.postgres.connections import looking, place_of
from mycel_runtime.journal.postgres.journal import LEASE_SECONDS, PostgresJournal
from mycel_runtime.journal.postgres.passwords import PASSWORDS, url_with
from mycel_runtime.journal.postgres.reader import PostgresReader
from mycel_runtime.journal.postgres.schema import prepare, version_of
from mycel_runtime.journal.postgres.statements import MIGRATIONS
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from psycopg import Connection
    from pydantic import SecretStr

    from mycel_runtime.journal.port.journal import Journal
    from mycel_runtime.journal.port.lane_calls import LaneCalls
    from mycel_runtime.journal.port.transfer import Arrival, Departure
    from mycel_runtime.journal.postgres.rows import Row

_LOOK_SECONDS: Final = 5
"""For reading the tables through."""

_KEPT_TURNS: Final = 10_000


PLACE_NAME: Final = "journal.place"
"""A file of the state directory: a number by which processes that were at work in it are known in the database."""


class PostgresEngine(JournalEngine):
    """
    A database, which any number of processes of any number of agents have open, on whichever hosts.

    Args:
        url: libpq's.
        state_dir: The agent's on this host, where one process at a time is at work on it.
        url_where: The URL stands, for an error about it.
        identity: Whose journal is looked at where nobody has been at work in the state directory; `None`: who knows.
        password: In the place of one in the URL.
        read_password: Reads it again when it is refused; blocking; raises `ConfigError` if there is none to be read.
        lease_seconds: As of `PostgresJournal`; the same of all processes.
    """

    def __init__(
        self,
        url: str,
        state_dir: Path,
        *,
        url_where: str = "",
        identity: UserId | None = None,
        password: SecretStr | None = None,
        read_password: Callable[[], SecretStr | None] | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._url = url_with(url, password, where=url_where)
        if read_password is not None:
            PASSWORDS.keep(self._url, read_password)
        self._state_dir = state_dir
        self._identity = identity
        self._lease_seconds = lease_seconds

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.where}>"

    @property
    @override
    def where(self) -> str:
        return f"PostgreSQL {place_of(self._url)}"

    @property
    @override
    def files(self) -> None:
        """None: it is copied by `pg_dump`."""
        return

    @property
    @override
    def reader(self) -> PostgresReader:
        return PostgresReader(self._url, own=lambda: _identity_of(self._state_dir) or self._identity)

    @override
    def exists(self) -> bool:
        with looking(self._url) as connection:
            return version_of(connection, place_of(self._url)) > 0

    @override
    def make(self) -> None:
        with looking(self._url) as connection:
            prepare(connection, place_of(self._url))

    @override
    def inspect(self) -> Inspection | None:
        _require_no_file(self._state_dir)
        with looking(self._url) as connection:
            version = version_of(connection, place_of(self._url))
            if not version:
                return None
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return Inspection(
                version=version,
                newest_version=len(MIGRATIONS),
                size=int(size[0]) if size else 0,
                was_read_through=_is_read_through(connection),
            )

    @override
    @contextlib.asynccontextmanager
    async def opened(
        self,
        *,
        on_lock: Callable[[float | None], None] = lambda _: None,
        on_away: Callable[[str, float], None] = lambda _reason, _seconds: None,
        on_newer: Callable[[int, int], None] = lambda _version, _known: None,
        on_commit: Callable[[float, int], None] = lambda _seconds, _operations: None,
        kept_turns: int = _KEPT_TURNS,
    ) -> AsyncIterator[Journal]:
        async with self.held():
            await asyncio.to_thread(_require_no_file, self._state_dir)
            place = await asyncio.to_thread(_place_of, self._state_dir)
            journal = PostgresJournal(
                self._url,
                on_away=on_away,
                on_commit=on_commit,
                kept_turns=kept_turns,
                lease_seconds=self._lease_seconds,
                place=place,
                on_candidate=lambda identity: _note_identity(self._state_dir, identity),
            )
            await asyncio.to_thread(journal.open)
            try:
                if journal.schema_version > len(MIGRATIONS):
                    on_newer(journal.schema_version, len(MIGRATIONS))
                yield journal
            finally:
                await journal.close()

    @override
    def held(self) -> AbstractAsyncContextManager[None]:
        return directory_held(self._state_dir)

    @override
    def lane_calls(
        self, journal: Journal, identity: UserId, *, concurrency: int, on_restart: Callable[[str], None]
    ) -> LaneCalls:
        try:
            from mycel_runtime.journal.postgres.lane_jobs import LaneJobs  # noqa: PLC0415 - for workers only
        except ImportError as exc:
            raise ConfigError(
                f"what tells workers of work is not installed: {exc.name or exc}",
                where="[engine] url",
                fix="pip install 'mycel-runtime[postgres]'",
            ) from exc
        return LaneJobs(self._url, journal, identity, concurrency=concurrency, on_restart=on_restart)

    @override
    def departure(self, identity: UserId | None) -> AbstractContextManager[Departure]:
        from mycel_runtime.journal.postgres.transfer import departure  # noqa: PLC0415 - hardly ever wanted

        return departure(self._url, identity, _place_of(self._state_dir))

    @override
    def arrival(self) -> AbstractContextManager[Arrival]:
        from mycel_runtime.journal.postgres.transfer import arrival  # noqa: PLC0415 - as above

        return arrival(self._url)


def _require_no_file(state_dir: Path) -> None:
    """
    Refuse to begin anew beside a journal of before: what is due in it would never be done.

    Raises:
        JournalFileError: There is one, which was not moved.
        JournalError: It cannot be read.
    """
    path = state_dir / JOURNAL_NAME
    try:
        is_there = is_journal(path)
    except OSError as exc:
        raise JournalError(f"{path}: {exc.strerror}") from exc
    if is_there:
        raise JournalFileError(
            "there is a journal here, which was not moved into the database that [engine] url names",
            where=str(path),
            fix="mycel-runtime engine move --config FILE --to postgres; or move the file away, and the agent begins"
            " anew.",
        )


def _identity_of(state_dir: Path) -> UserId | None:
    """Whose state directory it is; `None`: nobody knows yet."""
    try:
        return UserId((state_dir / IDENTITY_NAME).read_text().strip())
    except OSError:
        return None


def _note_identity(state_dir: Path, identity: UserId) -> None:
    """Whose it is; if that cannot be written, it is not known at rest."""
    path = state_dir / IDENTITY_NAME
    if _identity_of(state_dir) != identity:
        with contextlib.suppress(OSError):
            path.touch(mode=0o600)
            path.write_text(identity)


def _place_of(state_dir: Path) -> str:
    """
    What the state directory is called in the database, by whoever has its lock; drawn once.

    Raises:
        JournalError: It cannot be read or written.
    """
    path = state_dir / PLACE_NAME
    try:
        if path.exists():
            return path.read_text().strip()
        place = uuid.uuid4().hex
        path.touch(mode=0o600)
        path.write_text(place)
    except OSError as exc:
        raise JournalError(f"{path}: {exc.strerror}") from exc
    return place


def _is_read_through(connection: Connection[Row]) -> bool:
    """Whether every page of the tables could be read, each with its checksum where the database keeps them."""
    names = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    ).fetchall()
    with connection.transaction():
        connection.execute(f"SET LOCAL statement_timeout = '{_LOOK_SECONDS}s'")
        try:
            for (name,) in names:
                connection.execute(sql.SQL("SELECT count(t.*) FROM {} AS t").format(sql.Identifier(name)))
        except errors.QueryCanceled:
            return False
    return True
