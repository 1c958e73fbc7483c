"""How a database says that an identity's journal is elsewhere by now, or is on its way here: by its table `moved`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.journal.move import Move

if TYPE_CHECKING:
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import UserId


def require_here(connection: Connection, identity: UserId, where: str) -> None:
    """
    Refuse to work as an identity whose journal is not here.

    Args:
        connection: A session's.
        identity: Which.
        where: The database, for the error's text.

    Raises:
        JournalMovedError: It is not here any more, or not yet.
    """
    row = connection.run("read_moved", {"identity": identity}).fetchone()
    if row is not None:
        moved = move_of(row)
        raise moved.gone(where) if row["is_gone"] else moved.coming(where)


def move_of(row: Row) -> Move:
    """A row of `moved`."""
    return Move(row["move_id"], row["source"], row["target"], row["moved_at"])
