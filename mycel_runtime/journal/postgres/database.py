"""A PostgreSQL database, as its operator sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.errors import JournalFileError, ProcessLivesError
from mycel_runtime.journal.database import (
    DatabaseLook,
    DatabaseState,
    KnownIdentity,
    KnownProcess,
    Migrated,
    MissingRights,
)
from mycel_runtime.journal.port.database import JournalDatabase
from mycel_runtime.journal.postgres.connections import (
    POOL_SIZE,
    PatientConnection,
    connected,
    looking,
    place_of,
)
from mycel_runtime.journal.postgres.passwords import url_with
from mycel_runtime.journal.postgres.pooler import is_pooled
from mycel_runtime.journal.postgres.reader import one_moment
from mycel_runtime.journal.postgres.rights import LANE_SCHEMA, missing_rights
from mycel_runtime.journal.postgres.schema import prepare, schema_version, version_of
from mycel_runtime.journal.postgres.session import Session
from mycel_runtime.journal.postgres.statements import MIGRATIONS
from mycel_runtime.journal.postgres.transfer import alone

if TYPE_CHECKING:
    from psycopg import Connection
    from pydantic import SecretStr

    from mycel_runtime.journal.postgres.rows import Row

CONNECTIONS_EACH: Final = POOL_SIZE + 2
"""Of a process: those that it works with, one that listens, and one that looks after its leases."""

_INIT: Final = "mycel-runtime engine init"

_SETTINGS: Final = """
SELECT current_setting('server_version') AS server, current_setting('server_version_num')::int AS server_number,
       current_setting('fsync')::bool AS fsync, current_setting('full_page_writes')::bool AS full_page_writes,
       current_setting('server_encoding') AS encoding,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int AS connections,
       (SELECT sum(numbackends)::int FROM pg_stat_database) - 1 AS used,
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS most_of_user,
       (SELECT count(*)::int FROM pg_stat_activity WHERE usename = current_user) - 1 AS used_by_user
"""

_RIGHTS: Final = """
SELECT coalesce(current_schema(), 'public') AS schema,
       coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), true)
         AND coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_change
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
"""


class PostgresDatabase(JournalDatabase):
    """
    One database.

    Args:
        url: libpq's, without a password.
        url_where: It stands, for an error about it.
        password: `None`: there is none, or libpq finds it where it looks itself.

    Raises:
        ConfigError: libpq does not take the URL.
    """

    def __init__(self, url: str, *, url_where: str = "", password: SecretStr | None = None) -> None:
        self._url = url_with(url, password, where=url_where)
        self._place = place_of(self._url)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.where}>"

    @property
    @override
    def where(self) -> str:
        return f"PostgreSQL {self._place}"

    @override
    def make(self) -> Migrated:
        with looking(self._url, kind=PatientConnection) as connection:
            done = Migrated(*prepare(connection, self._place))
        self._prepare_lanes()
        return done

    @override
    def migrate(self) -> Migrated:
        with looking(self._url, kind=PatientConnection) as connection:
            if not version_of(connection, self._place):
                raise self._without_schema()
        return self.make()

    def _prepare_lanes(self) -> None:
        """What workers need is made by whoever may: they connect perhaps as a user who may not."""
        from mycel_runtime.journal.postgres.lane_schema import prepare_lanes  # noqa: PLC0415 - workers' only

        prepare_lanes(self._url)

    @override
    def look(self) -> DatabaseLook:
        with looking(self._url) as connection:
            schema = schema_version(connection, self._place)
            settings = _row(connection, _SETTINGS)
            rights = _row(connection, _RIGHTS)
            ahead, doubt = _clock_of(connection)
            limited = settings["most_of_user"] >= 0
            return DatabaseLook(
                server=_short(settings["server"]),
                server_number=settings["server_number"],
                version=schema.version,
                newest_version=len(MIGRATIONS),
                serves=schema.serves,
                missing=missing_rights(connection, rights["schema"]) or MissingRights(),
                missing_of_workers=missing_rights(connection, LANE_SCHEMA),
                may_change=rights["may_change"],
                fsync=settings["fsync"],
                full_page_writes=settings["full_page_writes"],
                encoding=settings["encoding"],
                is_pooled=is_pooled(connection, lambda: connected(self._url)),
                connections=settings["most_of_user"] if limited else settings["connections"],
                used_connections=settings["used_by_user"] if limited else settings["used"],
                connections_each=CONNECTIONS_EACH,
                clock_ahead=ahead,
                clock_doubt=doubt,
            )

    @override
    def state(self) -> DatabaseState:
        with one_moment(self._url) as session:
            if session is None:
                raise self._without_schema()
            facts = session.run("database_facts", {}).fetchone()
            (size,) = session.run("used_bytes", {}).fetchone()
            identities = session.run("held_identities", {}).fetchall()
            processes = session.run("known_processes", {}).fetchall()
        return DatabaseState(
            server=_short(facts["server"]),
            version=facts["version"],
            newest_version=len(MIGRATIONS),
            size=int(size),
            identities=[_identity_of(row, facts["now"]) for row in identities],
            processes=[_process_of(row, facts["now"]) for row in processes],
        )

    @override
    def bury(self, process_id: str) -> bool:
        with alone(self._url) as connection:
            session = Session(connection, None)
            rows = session.run("known_processes", {}).fetchall()
            (now,) = _row(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
            named = {row["program"] for row in rows if row["process_id"] == process_id}
            found = [_process_of(row, now) for row in rows if row["program"] in named]
            for known in found:
                if not known.is_silent:
                    raise ProcessLivesError(f"process {known.pid} on {known.host}", known.seen_seconds)
                session.run("bury_process", {"process_id": known.process_id})
            connection.execute("COMMIT")
        return bool(found)

    def _without_schema(self) -> JournalFileError:
        return JournalFileError(
            "there is no schema of mycel-runtime in this database", where=self._place, fix=f"Make it: {_INIT}"
        )


def _short(version: str) -> str:
    """Without what a distribution adds."""
    return version.split(maxsplit=1)[0]


def _row(connection: Connection[Row], query: str) -> Row:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def _clock_of(connection: Connection[Row]) -> tuple[float, float]:
    """Seconds that its clock is ahead of ours, and within how many that is known."""
    asked = time.time()
    began = time.monotonic()
    (there,) = _row(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    doubt = (time.monotonic() - began) / 2
    return there - (asked + doubt), doubt


def _process_of(row: Row, now: float) -> KnownProcess:
    seen_seconds = max(0.0, now - row["seen_at"])
    return KnownProcess(
        process_id=row["process_id"],
        program=row["program"],
        host=row["host"],
        pid=row["pid"],
        opened_at=row["opened_at"],
        seen_seconds=seen_seconds,
        is_silent=row["is_lost"] or seen_seconds > row["lease_seconds"],
        listens=row["listens"],
        running=row["running"],
        unsettled=row["unsettled"],
    )


def _identity_of(row: Row, now: float) -> KnownIdentity:
    values: dict[str, Any] = dict(zip(row.keys(), row, strict=True))
    is_held, expires_at = values.pop("is_held"), values.pop("expires_at")
    return KnownIdentity(**values, lease_seconds=expires_at - now if is_held else None)
