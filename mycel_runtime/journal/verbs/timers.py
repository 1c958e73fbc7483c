"""
Timers: set, due, and which is next.

Most are put off before their time comes, by each message of a chat. Such a timer keeps its place in the index, the
time to look at it, which is never after it is due. Only when that time is over, or the next timer is asked for, is it
moved to where it is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.journal.changes import Timer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mycel_runtime.journal.changes import NewTimer
    from mycel_runtime.journal.verbs.connection import Connection, Row
    from mycel_runtime.wire.ids import UserId


def set_timers(connection: Connection, identity: UserId, plugin: str, timers: Sequence[NewTimer]) -> None:
    """In the place of those with the same names and keys."""
    rows = [(identity, plugin, *timer, timer.due_at) for timer in timers]
    if connection.run_rows("set_timers", rows).rowcount < len(rows):
        connection.run_rows("set_timers_sooner", rows)


def timers_due(
    connection: Connection,
    identity: UserId,
    *,
    names: Collection[tuple[str, str]],
    limit: int,
    now: float,
) -> Sequence[Timer]:
    """As the journal's verb."""
    _settle(connection, identity, through=now)
    due: list[Timer] = []
    for row in connection.run("timers_due", {"identity": identity, "now": now}):
        if len(due) >= limit:
            break
        if (row["plugin"], row["name"]) in names:
            due.append(timer_of(row))
    return due


def next_timer_at(connection: Connection, identity: UserId, *, after: float) -> float | None:
    """As the journal's verb."""
    values = {"identity": identity, "after_time": after}
    some = connection.run("some_timer_at", values).fetchone()
    # What is due before that one is looked at before that time: so the first place after this is a time that counts.
    _settle(connection, identity, through=after if some is None else some["due_at"])
    (due_at,) = connection.run("next_timer_at", values).fetchone()
    return None if due_at is None else float(due_at)


def _settle(connection: Connection, identity: UserId, *, through: float) -> None:
    connection.run("settle_timers", {"identity": identity, "through_time": through})


def timer_of(row: Row) -> Timer:
    """A timer from its row."""
    return Timer(**dict(row) | {"is_relative": bool(row["is_relative"])})
