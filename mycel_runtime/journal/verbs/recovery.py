"""What processes that are no more have left behind becomes due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.journal.suspicion import Suspect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.wire.ids import UserId


def recover(
    connection: Connection,
    values: Mapping[str, Any],
    blame: Callable[[Connection, Mapping[str, Any]], None],
) -> None:
    """
    Make due what runs in no process.

    Args:
        connection: In a transaction.
        values: `identity`, `now`, and `pause` as of `Journal.recover`.
        blame: What runs and is perhaps to blame for its process's death becomes suspect.
    """
    for row in connection.run("running", values).fetchall():
        connection.run("want_others", {**values, **dict(row), "wanted_seq": None})
    blame(connection, values)
    connection.run("recover", values)


def blame_unless_expected(connection: Connection, values: Mapping[str, Any]) -> None:
    """Where there is one process: everything, or nothing because its end was expected."""
    if not connection.run("forget_end", values).rowcount:
        connection.run("count_death", values)
        connection.run("suspect", values)


def blame_each(connection: Connection, values: Mapping[str, Any]) -> None:
    """Where there are several: what ran in those whose end was not expected."""
    connection.run("count_death", values)
    connection.run("suspect", values)
    connection.run("forget_end", values)


def suspects_of(connection: Connection, identity: UserId) -> Sequence[Suspect]:
    """All that there are."""
    return [Suspect(*row) for row in connection.run("suspects", {"identity": identity})]
