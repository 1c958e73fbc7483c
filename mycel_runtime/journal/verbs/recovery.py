"""What processes that are no more have left behind becomes due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mycel_runtime.journal.suspicion import Suspect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.wire.ids import UserId


def recover(connection: Connection, values: Mapping[str, Any]) -> None:
    """
    Make due what runs in no process.

    Args:
        connection: In a transaction.
        values: `identity`, `now`, and `pause` as of `Journal.recover`.
    """
    for row in connection.run("running", values).fetchall():
        connection.run("want_others", {**values, **dict(row), "wanted_seq": None})
    if not connection.run("forget_end", values).rowcount:
        connection.run("count_death", values)
        connection.run("suspect", values)
    connection.run("recover", values)


def suspects_of(connection: Connection, identity: UserId) -> Sequence[Suspect]:
    """All that there are."""
    return [Suspect(*row) for row in connection.run("suspects", {"identity": identity})]
