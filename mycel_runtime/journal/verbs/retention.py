"""
Verbs about what is old: a step of a sweep, and what it has cost in dead letters.

Each step looks at a few rows in the order of their age, and removes those that nobody needs; what stays, however old,
stands in `sqlite/sql/migrations/0009_retention.sql`. Rows are looked at by their place, so that what has to stay is
passed once in a sweep.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Final, NamedTuple

from typing_extensions import override

from mycel_runtime.journal.retention import Place, SweepStep, Swept
from mycel_runtime.journal.verbs.questions import note_dropped
from mycel_runtime.journal.verbs.speech import SpeechVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.retention import Age
    from mycel_runtime.journal.verbs.connection import Connection

STEP_ROWS: Final = 400
"""Looked at in a step, which takes a few milliseconds; fewer cost more each, for what every step costs."""


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
        def step(connection: Connection) -> SweepStep:
            now = self._clock()
            times = _Old(now=now, before=now - age.rows, letters_before=now - age.letters)
            return self._sweep(connection, place, times, kept_numbers)

        return await self._writer.commit(step)

    def _sweep(self, connection: Connection, place: Place, times: _Old, kept_numbers: int) -> SweepStep:
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

    @abstractmethod
    @abstractmethod
    def _give_back(self, connection: Connection) -> int:
        """Of what is free in the store, if it is much, some to the disk; how many bytes."""

    @abstractmethod
    def _used_bytes(self, connection: Connection) -> int:
        """What is used of the store."""


def drop_letter(connection: Connection, dead_letter_id: int) -> bool:
    """As `Journal.drop`, within a transaction."""
    key = {"dead_letter_id": dead_letter_id}
    connection.run("delete_firing_of_letter", key)
    connection.run("erase_utterance_of_letter", key)
    note_dropped(connection, dead_letter_id)
    return connection.run("delete_dead_letter", key).rowcount > 0


def _letters(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    place = {"after": int(after[0]) if after else 0, "limit": limit}
    rows = connection.run("letters_by_age", place).fetchall()
    old = [row for row in rows if row["at"] < times.letters_before]
    for row in old:
        drop_letter(connection, row["id"])
        connection.run("count_expired", {"identity": row["identity"], "now": times.now})
    last = (float(rows[-1]["id"]),) if rows else after
    return _Page(Swept(letters=len(old)), last, len(rows), is_end=len(rows) < limit or not old)


def _questions(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "questions", after, times, limit)
    return span.page(Swept(questions=_prune(connection, "prune_questions", span)))


def _utterances(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "utterances", after, times, limit)
    return span.page(Swept(utterances=_prune(connection, "prune_utterances", span)))


def _turns(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    span = _span(connection, "turns", after, times, limit)
    captured = connection.run("captured_of_turns", span.bounds).fetchone() if span.has_old else None
    pruned = _prune(connection, "prune_old_turns", span)
    return span.page(Swept(turns=pruned, captured=captured[0] if captured else ""))


def _sends(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, _kept_numbers: int
) -> _Page:
    """What they were stays known by how far the own messages of their chat are explained."""
    place = after or (-math.inf, 0, 0, 0)
    bounds = dict(zip(_SEND_PLACE, place, strict=True))
    page = connection.run("page_of_sends", bounds | {"before": times.before, "limit": limit}).fetchone()
    if page is None:
        return _Page(Swept(), place, 0, is_end=True)
    last = {f"last_{name}": page[name] for name in _SEND_PLACE}
    keys = {"sends": connection.run("forgettable_sends", bounds | last).fetchone()[0]}
    connection.run("explain_own", keys)
    sends = connection.run("prune_sends", keys).rowcount
    return _Page(Swept(sends=sends), tuple(last.values()), page["looked"], is_end=page["looked"] < limit)


def _entries(
    connection: Connection, after: tuple[float, ...], times: _Old, limit: int, kept_numbers: int
) -> _Page:
    span = _span(connection, "entries", after, times, limit)
    return span.page(Swept(entries=_prune(connection, "prune_entries", span, kept=kept_numbers - 1)))


_TABLES: Final = (_letters, _questions, _utterances, _turns, _sends, _entries)
"""Who names others comes before them."""

_SEND_PLACE: Final = ("intended_at", "delivery_id", "turn", "ordinal")


def _span(connection: Connection, table: str, after: tuple[float, ...], times: _Old, limit: int) -> _Span:
    bounds = {"after": int(after[0]) if after else 0, "before": times.before}
    row = connection.run(f"page_of_{table}", bounds | {"limit": limit}).fetchone()
    through = row["through"] or bounds["after"]
    return _Span(bounds | {"through": through}, row["looked"], row["old"] > 0, row["looked"] >= limit)


def _prune(connection: Connection, statement: str, span: _Span, **more: int) -> int:
    """How many rows went."""
    return connection.run(statement, {**span.bounds, **more}).rowcount if span.has_old else 0
