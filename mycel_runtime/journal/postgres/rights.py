"""
Which rights a user lacks in a database that keeps journals, and the statements by which its owner grants them.

Whoever runs agents needs no more than rows: tables are made and changed by their owner. Numbers of the journal's own
rows come with the tables; those of the workers' jobs are drawn from sequences, which want a right of their own.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg import sql

from mycel_runtime.journal.database import MissingRights

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from mycel_runtime.journal.postgres.rows import Row

LANE_SCHEMA: Final = "mycel_lanes"
"""In which workers have what they tell each other by (`lane_schema.py`)."""

_NAMED: Final = 3
"""Tables of one schema that a statement names, before it is about all."""

_ONLY_READ: Final = ("schema_version", "applied_migration")
"""Tables that the owner's programs alone write: which steps the schema has seen."""

_MISSING: Final = """
SELECT n.nspname, c.relname, c.relkind = 'S', w.privilege
FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid,
     unnest(CASE WHEN c.relkind = 'S' THEN ARRAY['USAGE']
                 WHEN c.relkind = 'v' OR c.relname = ANY(%(only_read)s) THEN ARRAY['SELECT']
                 ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) WITH ORDINALITY AS w (privilege, place)
WHERE n.nspname = %(schema)s
  AND CASE WHEN c.relkind IN ('r', 'v') THEN NOT has_table_privilege(c.oid, w.privilege)
           WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE')
                AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'i') END
ORDER BY c.relkind = 'S', c.relname, w.place
"""
"""Sequences of identity columns are used by the right on the table."""

_USAGE: Final = "SELECT NOT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %(schema)s"


class _Lack(NamedTuple):
    schema: str
    name: str
    is_sequence: bool
    privilege: str


def missing_rights(connection: Connection[Row], schema: str) -> MissingRights | None:
    """
    What this user lacks to read and write the rows of a schema; `None`: there is no such schema.

    Args:
        connection: To the database, as this user.
        schema: Its name.
    """
    found = connection.execute(_USAGE, {"schema": schema}).fetchone()
    if found is None:
        return None
    (user,) = connection.execute("SELECT current_user").fetchone() or ("",)
    rows = connection.execute(_MISSING, {"schema": schema, "only_read": list(_ONLY_READ)}).fetchall()
    lacks = [_Lack(*row) for row in rows]
    what = [f"USAGE on schema {schema}"] if found[0] else []
    what += [f"{lack.privilege} on {lack.name}" for lack in lacks]
    grants = [_grant("USAGE", sql.SQL("SCHEMA {}").format(sql.Identifier(schema)), user)] if found[0] else []
    grants += [_grant(privileges, on, user) for privileges, on in _statements(schema, lacks)]
    return MissingRights(tuple(what), tuple(grants))


def _statements(schema: str, lacks: Sequence[_Lack]) -> Iterable[tuple[str, sql.Composable]]:
    """Privileges and what they are on: one statement for what lacks the same ones, and one for all where many do."""
    wanted: dict[tuple[bool, str], list[str]] = {}
    for (is_sequence, name), those in groupby(lacks, key=lambda lack: (lack.is_sequence, lack.name)):
        wanted.setdefault((is_sequence, ", ".join(lack.privilege for lack in those)), []).append(name)
    for (is_sequence, privileges), names in wanted.items():
        kind = sql.SQL("SEQUENCE" if is_sequence else "TABLE")
        if len(names) > _NAMED:
            yield privileges, sql.SQL("ALL {}S IN SCHEMA {}").format(kind, sql.Identifier(schema))
        else:
            named = sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
            yield privileges, sql.SQL("{} {}").format(kind, named)


def _grant(privileges: str, on: sql.Composable, user: str) -> str:
    grant = sql.SQL("GRANT {} ON {} TO {};")
    return grant.format(sql.SQL(privileges), on, sql.Identifier(user)).as_string()
