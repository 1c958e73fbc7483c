"""What processes that are no more have left behind becomes due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.journal.statements import execute
from mycel_runtime.journal.suspicion import Suspect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from mycel_runtime.wire.ids import UserId


def recover(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """
    Make due what runs in no process.

    Args:
        connection: In a transaction.
        values: `identity`, `now`, and `pause` as of `Journal.recover`.
    """
    for row in execute(connection, "running", values).fetchall():
        execute(connection, "want_others", {**values, **dict(row), "wanted_seq": None})
    if not execute(connection, "forget_end", values).rowcount:
        execute(connection, "count_death", values)
        execute(connection, "suspect", values)
    execute(connection, "recover", values)


def suspects_of(connection: sqlite3.Connection, identity: UserId) -> Sequence[Suspect]:
    """All that there are."""
    return [Suspect(*row) for row in execute(connection, "suspects", {"identity": identity})]
