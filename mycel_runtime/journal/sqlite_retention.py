"""
The embedded engine's verbs about what is old: a step of a sweep, and what it has cost in dead letters.

Each step looks at a few rows in the order of their age, and removes those that nobody needs; what stays, however old,
stands in `sql/migrations/0009_retention.sql`. Rows are looked at by their place, so that what has to stay is passed
once in a sweep.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.retention import Place, SweepStep, Swept
from mycel_runtime.journal.sqlite_questions import note_dropped
from mycel_runtime.journal.sqlite_speech import SqliteSpeech
from mycel_runtime.journal.statements import execute

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from mycel_runtime.journal.retention import Age

STEP_ROWS: Final = 200
"""Looked at in a step; a step takes a few milliseconds."""

_PAGES_PER_STEP: Final = 64
_FREE_PAGES: Final = 256
"""A mebibyte that is free in the file is kept for what comes."""
_FREE_SHARE: Final = 8
"""And so is this part of it: giving space back and taking it again costs twice."""

_INCREMENTAL: Final = 2
"""Of `PRAGMA auto_vacuum`."""


class _Page(NamedTuple):
    """
    Rows of a table that were looked at.

    Attributes:
        place: The last of them.
        looked: How many.
        is_end: No older one follows.
    """

    swept: Swept
    place: tuple[float, ...]
    looked: int
    is_end: bool


class SqliteRetention(SqliteSpeech):
    """Base of the journal; its owner opens the writer."""

    @override
    async def sweep(self, place: Place, age: Age, *, kept_numbers: int) -> SweepStep:
        return await self._writer.submit(lambda connection: _sweep(connection, place, age, kept_numbers))


def drop_letter(connection: sqlite3.Connection, dead_letter_id: int) -> bool:
    """As `Journal.drop`, within a transaction."""
    key = {"dead_letter_id": dead_letter_id}
    execute(connection, "delete_firing_of_letter", key)
    execute(connection, "erase_utterance_of_letter", key)
    note_dropped(connection, dead_letter_id)
    return execute(connection, "delete_dead_letter", key).rowcount > 0


def _sweep(connection: sqlite3.Connection, place: Place, age: Age, kept_numbers: int) -> SweepStep:
    began, swept, left = time.perf_counter(), Swept(), STEP_ROWS
    table, after = place
    while left > 0 and table < len(_TABLES):
        page = _TABLES[table](connection, after, age, left, kept_numbers)
        swept = swept.plus(page.swept)
        left -= page.looked
        table, after = (table + 1, ()) if page.is_end else (table, page.place)
    next_place = Place(table, after) if table < len(_TABLES) else None
    if next_place is None and (freed := _give_back(connection)):
        # Nothing else is left to be done: the same place again, until enough is given back.
        swept, next_place = swept._replace(freed=freed), Place(table)
    return SweepStep(swept, next_place, _used_bytes(connection), time.perf_counter() - began)


def _letters(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, _kept_numbers: int
) -> _Page:
    rows = _rows_after(connection, "letters_by_age", after or (0,), limit)
    old = [row for row in rows if row["at"] < age.letters_before]
    for row in old:
        drop_letter(connection, row["id"])
        execute(connection, "count_expired", {"identity": row["identity"], "now": age.now})
    return _page(rows, old, limit, Swept(letters=len(old)))


def _questions(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, _kept_numbers: int
) -> _Page:
    return _by_entry(connection, "question", after, age, limit, lambda count: Swept(questions=count))


def _utterances(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, _kept_numbers: int
) -> _Page:
    return _by_entry(connection, "utterance", after, age, limit, lambda count: Swept(utterances=count))


def _by_entry(
    connection: sqlite3.Connection,
    table: str,
    after: tuple[float, ...],
    age: Age,
    limit: int,
    counted: Callable[[int], Swept],
) -> _Page:
    rows = _rows_after(connection, f"{table}s_by_age", after or (0,), limit)
    old = [row for row in rows if row["at"] < age.before]
    removed = sum(execute(connection, f"prune_{table}", {"entry_id": row["id"]}).rowcount for row in old)
    return _page(rows, old, limit, counted(removed))


def _turns(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, _kept_numbers: int
) -> _Page:
    rows = _rows_after(connection, "turns_by_age", after or (0,), limit)
    old = [row for row in rows if row["at"] < age.before]
    if not old:
        return _page(rows, old, limit, Swept())
    through = old[-1]["id"]
    captured = execute(connection, "captured_of_turn", {"through": through}).fetchone()
    pruned = execute(connection, "prune_turns", {"through": through, "limit": len(old)}).rowcount
    return _page(rows, old, limit, Swept(turns=pruned, captured=captured[0] if captured else ""))


def _sends(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, _kept_numbers: int
) -> _Page:
    """What they were stays known by how far the own messages of their chat are explained."""
    place = after or (-math.inf, -math.inf, 0, 0)
    rows = execute(connection, "sends_by_age", (*place, age.before, limit)).fetchall()
    sends = 0
    for row in rows:
        key = {name: row[name] for name in ("delivery_id", "turn", "ordinal")}
        if execute(connection, "prune_send", key).rowcount:
            sends += 1
            if row["message_seq"] is not None:
                execute(connection, "explain_own", dict(row))
    last = tuple(rows[-1][:4]) if rows else place
    return _Page(Swept(sends=sends), last, len(rows), is_end=len(rows) < limit)


def _entries(
    connection: sqlite3.Connection, after: tuple[float, ...], age: Age, limit: int, kept_numbers: int
) -> _Page:
    rows = _rows_after(connection, "entries_by_age", after or (0,), limit)
    old = [row for row in rows if row["at"] < age.before]
    if not old:
        return _page(rows, old, limit, Swept())
    kept_from = {
        (row["identity"], row["epoch"]): row["seq"]
        for row in execute(connection, "kept_numbers", {"kept": kept_numbers - 1})
    }
    removable = [row["id"] for row in old if not _is_number_kept(row, kept_from)]
    pruned = execute(connection, "prune_entries", {"ids": json.dumps(removable)}).rowcount
    return _page(rows, old, limit, Swept(entries=pruned))


def _is_number_kept(row: sqlite3.Row, kept_from: dict[tuple[str, int], int | None]) -> bool:
    """One of the newest of the checkpoint's epoch, of which there may be fewer than are to be kept."""
    epoch = (row["identity"], row["epoch"])
    if row["seq"] is None or epoch not in kept_from:
        return False
    oldest = kept_from[epoch]
    return oldest is None or row["seq"] >= oldest


_TABLES: Final = (_letters, _questions, _utterances, _turns, _sends, _entries)
"""Who names others comes before them."""


def _rows_after(
    connection: sqlite3.Connection, name: str, after: tuple[float, ...], limit: int
) -> Sequence[sqlite3.Row]:
    return execute(connection, name, {"after": int(after[0]), "limit": limit}).fetchall()


def _page(rows: Sequence[sqlite3.Row], old: Sequence[Any], limit: int, swept: Swept) -> _Page:
    place = (float(rows[-1]["id"]),) if rows else ()
    return _Page(swept, place, len(rows), is_end=len(rows) < limit or not old)


def _give_back(connection: sqlite3.Connection) -> int:
    """Bytes that the file is shorter by, when its log has been copied into it; 0: there is too little to give."""
    if _number(connection, "auto_vacuum") != _INCREMENTAL:
        return 0
    free = _number(connection, "freelist_count")
    kept = max(_FREE_PAGES, _number(connection, "page_count") // _FREE_SHARE)
    pages = min(_PAGES_PER_STEP, free - kept)
    for _ in range(pages):
        # Only the first page of several: this is a statement that gives rows which the driver does not ask for.
        connection.execute("PRAGMA incremental_vacuum(1)")
    return max(0, pages) * _number(connection, "page_size")


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _number(connection, "page_count") - _number(connection, "freelist_count")
    return pages * _number(connection, "page_size")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
