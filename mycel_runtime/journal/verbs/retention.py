"""
Verbs about what is old: a step of a sweep, and what it has cost in dead letters.

Each step looks at a few rows in the order of their age, and removes those that nobody needs; what stays, however old,
stands in `sql/migrations/0009_retention.sql`. Rows are looked at by their place, so that what has to stay is passed
once in a sweep.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.retention import Place, SweepStep, Swept
from mycel_runtime.journal.statements import execute
from mycel_runtime.journal.verbs.questions import note_dropped
from mycel_runtime.journal.verbs.speech import SpeechVerbs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from mycel_runtime.journal.retention import Age

STEP_ROWS: Final = 400
"""Looked at in a step, which takes a few milliseconds; fewer cost more each, for what every step costs."""

_PAGES_PER_STEP: Final = 64
_FREE_PAGES: Final = 256
"""A mebibyte that is free in the file is kept for what comes."""
_FREE_SHARE: Final = 8
"""And so is this part of it: giving space back and taking it again costs twice."""

_INCREMENTAL: Final = 2
"""Of `PRAGMA auto_vacuum`."""


class _Old(NamedTuple):
    """What is older than these may go at the time `now`; epoch seconds, `-math.inf`: nothing."""

    now: float
    before: float
    letters_before: float


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


class _Span(NamedTuple):
    """
    A page of a table in the order of its ids, of which nothing was read but this.

    Attributes:
        bounds: `after` which id, `through` which one, and `before` which time a row is old.
        has_old: Some row is.
        is_full: It has as many rows as a page may have.
    """

    bounds: Mapping[str, float]
    looked: int
    has_old: bool
    is_full: bool

    def page(self, swept: Swept) -> _Page:
        """With what was removed of it; where nothing is old, younger rows follow."""
        is_end = not (self.is_full and self.has_old)
        return _Page(swept, (self.bounds["through"],), self.looked, is_end=is_end)


class RetentionVerbs(SpeechVerbs):
    """Base of the journal; its owner opens the writer."""

    @override
    async def sweep(self, place: Place, age: Age, *, kept_numbers: int) -> SweepStep:
        def step(connection: sqlite3.Connection) -> SweepStep:
            now = self._clock()
            times = _Old(now=now, before=now - age.rows, letters_before=now - age.letters)
            return self._sweep(connection, place, times, kept_numbers)

        return await self._writer.commit(step)

    def _sweep(
        self, connection: sqlite3.Connection, place: Place, times: _Old, kept_numbers: int
    ) -> SweepStep:
        began, swept, left = time.perf_counter(), Swept(), STEP_ROWS
        table, after = place
        while left > 0 and table < len(_TABLES):
            page = _TABLES[table](connection, after, times, left, kept_numbers)
            swept = swept.plus(page.swept)
            left -= page.looked
            table, after = (table + 1, ()) if page.is_end else (table, page.place)
        next_place = Place(table, after) if table < len(_TABLES) else None
        if next_place is None and (freed := self._give_back(connection)):
            # Nothing else is left to be done: the same place again, until enough is given back.
            swept, next_place = swept._replace(freed=freed), Place(table)
        return SweepStep(swept, next_place, self._used_bytes(connection), time.perf_counter() - began)

    def _give_back(self, connection: sqlite3.Connection) -> int:
        """Bytes that the file is shorter by, when its log has been copied into it; 0: there is too little to give."""
        return _give_back(connection)

    def _used_bytes(self, connection: sqlite3.Connection) -> int:
        """What is used of the file."""
        return _used_bytes(connection)


def drop_letter(connection: sqlite3.Connection, dead_letter_id: int) -> bool:
    """As `Journal.drop`, within a transaction."""
    key = {"dead_letter_id": dead_letter_id}
    execute(connection, "delete_firing_of_letter", key)
    execute(connection, "erase_utterance_of_letter", key)
    note_dropped(connection, dead_letter_id)
    return execute(connection, "delete_dead_letter", key).rowcount > 0


def _letters(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    place = {"after": int(after[0]) if after else 0, "limit": limit}
    rows = execute(connection, "letters_by_age", place).fetchall()
    old = [row for row in rows if row["at"] < times.letters_before]
    for row in old:
        drop_letter(connection, row["id"])
        execute(connection, "count_expired", {"identity": row["identity"], "now": times.now})
    last = (float(rows[-1]["id"]),) if rows else after
    return _Page(Swept(letters=len(old)), last, len(rows), is_end=len(rows) < limit or not old)


def _questions(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "questions", after, times, limit)
    return span.page(Swept(questions=_prune(connection, "prune_questions", span)))


def _utterances(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "utterances", after, times, limit)
    return span.page(Swept(utterances=_prune(connection, "prune_utterances", span)))


def _turns(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "turns", after, times, limit)
    captured = execute(connection, "captured_of_turns", span.bounds).fetchone() if span.has_old else None
    pruned = _prune(connection, "prune_old_turns", span)
    return span.page(Swept(turns=pruned, captured=captured[0] if captured else ""))


def _sends(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    """What they were stays known by how far the own messages of their chat are explained."""
    place = after or (-math.inf, 0, 0, 0)
    bounds = dict(zip(_SEND_PLACE, place, strict=True))
    page = execute(connection, "page_of_sends", bounds | {"before": times.before, "limit": limit}).fetchone()
    if page is None:
        return _Page(Swept(), place, 0, is_end=True)
    last = {f"last_{name}": page[name] for name in _SEND_PLACE}
    keys = {"sends": execute(connection, "forgettable_sends", bounds | last).fetchone()[0]}
    execute(connection, "explain_own", keys)
    sends = execute(connection, "prune_sends", keys).rowcount
    return _Page(Swept(sends=sends), tuple(last.values()), page["looked"], is_end=page["looked"] < limit)


def _entries(
    connection: sqlite3.Connection, after: tuple[float, ...], times: _Old, limit: int, kept_numbers: int
) -> _Page:
    span = _span(connection, "entries", after, times, limit)
    return span.page(Swept(entries=_prune(connection, "prune_entries", span, kept=kept_numbers - 1)))


_TABLES: Final = (_letters, _questions, _utterances, _turns, _sends, _entries)
"""Who names others comes before them."""

_SEND_PLACE: Final = ("intended_at", "delivery_id", "turn", "ordinal")


def _span(
    connection: sqlite3.Connection, table: str, after: tuple[float, ...], times: _Old, limit: int
) -> _Span:
    bounds = {"after": int(after[0]) if after else 0, "before": times.before}
    row = execute(connection, f"page_of_{table}", bounds | {"limit": limit}).fetchone()
    through = row["through"] or bounds["after"]
    return _Span(bounds | {"through": through}, row["looked"], row["old"] > 0, row["looked"] >= limit)


def _prune(connection: sqlite3.Connection, statement: str, span: _Span, **more: int) -> int:
    """How many rows went."""
    return execute(connection, statement, {**span.bounds, **more}).rowcount if span.has_old else 0


def _give_back(connection: sqlite3.Connection) -> int:
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
