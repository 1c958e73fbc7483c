"""
Moves an agent's journal from one engine to another, by the tables themselves.

What is in flight goes along: deliveries that ran when their process died run nowhere, and open intents are settled by
a look, as after any crash.
"""

from __future__ import annotations

import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mycel_runtime.errors import JournalMoveError
from mycel_runtime.journal.lock import DirectoryLock
from mycel_runtime.journal.move import Move
from mycel_runtime.journal.pause import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mycel_runtime.journal.port.engine import JournalEngine
    from mycel_runtime.journal.port.transfer import Arrival, Departure
    from mycel_runtime.wire.ids import UserId

ONE_SIDED: Final = {
    ("delivery", "process_id"): "",
    ("expected_end", "process_id"): "",
    ("intent", "process_id"): None,
    ("lease", "process_id"): None,
    ("lease", "expires_at"): 0.0,
}
"""
Columns that only one engine has: which process has what, and until when. No process has what comes.

With what stands there in a row that comes; `None`: what the table says.
"""

NUMBERED: Final = {
    "entry_id": "entry_id",
    "utterance_id": "entry_id",
    "delivery_id": "delivery_id",
    "dead_letter_id": "dead_letter_id",
    "skip_id": "dead_letter_id",
    "turn_id": "turn_id",
}
"""Columns of numbers that an engine gives, and whose they are: what refers to a row is moved along with it."""


class Moved(NamedTuple):
    """
    A journal that was moved.

    Attributes:
        source, target: For a person.
        rows: By table; `None`: an earlier run had moved it.
    """

    source: str
    target: str
    rows: Mapping[str, int] | None


def move(
    source: JournalEngine, target: JournalEngine, state_dir: Path, *, identity: UserId | None
) -> Mapping[str, int] | None:
    """
    Move a journal; the source is kept, and refused from then on.

    Run again after an interruption it goes on, or finds that all is done.

    Args:
        source: Where it is.
        target: Where it is to be; nothing of the agent is there.
        state_dir: The agent's, for the lock.
        identity: Whose, if the source may be several agents'.

    Returns:
        Rows by table; `None`: an earlier run had moved it.

    Raises:
        IdentityHeldError: A process is at work on it.
        JournalMoveError: There is none, or one at the target already, or the engines do not fit.
        JournalMovedError: It was moved elsewhere.
        JournalError, JournalFileError: One of both cannot be used.
    """
    lock = DirectoryLock(state_dir)
    lock.acquire()
    try:
        with source.departure(identity) as leaving, target.arrival() as coming:
            if leaving.moved is not None:
                _finish(leaving, leaving.moved, coming, source.where)
                return None
            return _move(leaving, coming, source, target)
    finally:
        lock.release()


def _place_of(engine: JournalEngine) -> str:
    """For who is refused, on whichever host that is: a file lies on one of them."""
    return engine.where if engine.files is None else f"{engine.where} (host {socket.gethostname()})"


def _finish(leaving: Departure, moved: Move, coming: Arrival, where: str) -> None:
    """What an earlier run has begun."""
    if coming.awaits(moved):
        coming.arrive(moved)
    elif not coming.holds(leaving.identities):
        raise moved.gone(where)


def _move(
    leaving: Departure, coming: Arrival, source: JournalEngine, target: JournalEngine
) -> Mapping[str, int]:
    if not set(leaving.identities) - {NOBODY}:
        raise JournalMoveError(
            "there is no journal of the agent", where=source.where, fix="Run the agent first."
        )
    if coming.holds(leaving.identities):
        raise JournalMoveError(
            "there is a journal of this agent already",
            where=target.where,
            fix="Nothing was changed. Move that one away first, if it is not the one to keep.",
        )
    there = coming.columns()
    columns = common_columns(leaving.columns(), there)
    moved = Move(uuid.uuid4().hex, _place_of(source), _place_of(target), time.time())
    coming.expect(moved, leaving.identities)
    counts = {}
    first_ids = coming.first_ids()
    for table, names in columns.items():
        given = {
            name: value
            for (of, name), value in ONE_SIDED.items()
            if of == table and value is not None and name not in names and name in there[table]
        }
        counts[table] = _copy(leaving, coming, table, names, given, first_ids)
    if differing := [table for table, count in counts.items() if coming.count(table) != count]:
        raise JournalMoveError(
            f"rows are missing in {', '.join(differing)}", where=target.where, fix="Move it again."
        )
    newest = {
        name: number + first_ids[name] for name, number in leaving.newest_ids().items() if name in first_ids
    }
    coming.deposit(moved, newest)
    leaving.leave(moved)
    coming.arrive(moved)
    return counts


def common_columns(
    source: Mapping[str, Sequence[str]], target: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """
    What is copied, by table, in an order in which a row comes behind what it refers to.

    Raises:
        JournalMoveError: A table or a column is one engine's only, and nobody has said that this is right.
    """
    pairs = [{(table, name) for table in side for name in side[table]} for side in (source, target)]
    strange = sorted((pairs[0] ^ pairs[1]) - ONE_SIDED.keys())
    if strange:
        told = ", ".join(f"{table}.{name}" for table, name in strange)
        raise JournalMoveError(f"only one of both engines has {told}", fix="Upgrade mycel-runtime.")
    tables = sorted(source, key=lambda table: (table != "entry", table))
    return {table: [name for name in source[table] if name in target[table]] for table in tables}


def _copy(
    leaving: Departure,
    coming: Arrival,
    table: str,
    names: Sequence[str],
    given: Mapping[str, Any],
    first_ids: Mapping[str, int],
) -> int:
    added = [first_ids.get(NUMBERED.get(name, ""), 0) for name in names]
    count = 0
    for group in leaving.rows(table, names):
        rows = [(*_renumbered(row, added), *given.values()) for row in group]
        coming.take(table, [*names, *given], rows)
        count += len(rows)
    return count


def _renumbered(row: tuple[Any, ...], added: Sequence[int]) -> tuple[Any, ...]:
    """Below zero are numbers that no engine has given, but dice."""
    return tuple(
        value + more if more and value is not None and value > 0 else value
        for value, more in zip(row, added, strict=True)
    )
