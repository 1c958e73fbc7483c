"""Connections to the journal's file, as the verbs use them."""

from __future__ import annotations

import itertools
import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mycel_runtime.journal.sqlite.statements import statement, with_rows
from mycel_runtime.journal.verbs.connection import Count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mycel_runtime.journal.verbs.connection import Changed

T = TypeVar("T")

ROWS_PER_STATEMENT: Final = 512
"""A power of two; more gain nothing. Source: measured."""

FEW_ROWS: Final = 16
"""Up to here each number of rows has a statement: these are small, and what a quiet agent's batches need."""


class SqliteConnection(sqlite3.Connection):
    """`journal.verbs.Connection`, made by `sqlite3.connect(factory=)`."""

    def run(self, name: str, values: Mapping[str, Any] | Sequence[Any], /) -> sqlite3.Cursor:
        """As of `Connection`."""
        text, in_order = statement(name)
        return self.execute(text, values if in_order is None else in_order(values))

    def later(self, answer: Callable[[], T], /) -> T:
        """As of `Connection`: now."""
        return answer()

    def together(self, asked: Iterable[T], /) -> Iterable[T]:
        """As of `Connection`: none is to be spared, and a statement that is not looked at is prepared again."""
        return asked

    def run_rows(self, name: str, rows: Sequence[Sequence[Any]], /) -> Changed:
        """
        As of `Connection`.

        Each statement waits once for the interpreter's lock, which a busy loop gives away rarely: `executemany`,
        which runs one statement a row, is several times slower beside it. And each number of rows is a statement of
        its own, which the connection keeps with its last values, up to half a MiB: above `FEW_ROWS` there are powers
        of two only.
        """
        if len(rows) == 1:
            return self.run(name, rows[0])
        changed = start = 0
        while left := len(rows) - start:
            count = left if left <= FEW_ROWS else min(ROWS_PER_STATEMENT, 1 << (left.bit_length() - 1))
            values = tuple(itertools.chain.from_iterable(rows[start : start + count]))
            changed += self.execute(with_rows(name, count), values).rowcount
            start += count
        return Count(changed)
