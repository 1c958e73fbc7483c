"""The named statements and migrations of the embedded engine, read from `sql/` once."""

from __future__ import annotations

import functools
import itertools
import operator
import re
import sqlite3
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROWS_PER_STATEMENT: Final = 512
"""A power of two; more gain nothing. Source: measured."""

FEW_ROWS: Final = 16
"""Up to here each number of rows has a statement: these are small, and what a quiet agent's batches need."""


def execute(
    connection: sqlite3.Connection, name: str, values: Mapping[str, Any] | Sequence[Any]
) -> sqlite3.Cursor:
    """
    Run the statement of this name.

    Args:
        connection: Of the journal; another engine's has statements of the same names, and its own `run`.
        name: In `queries.sql`.
        values: By name, and perhaps more than the statement has names for; in its order where it has `?` instead.
    """
    if not isinstance(connection, sqlite3.Connection):
        return cast("sqlite3.Cursor", connection.run(name, values))
    text, in_order = _statement(name)
    return connection.execute(text, values if in_order is None else in_order(values))


def execute_rows(connection: sqlite3.Connection, name: str, rows: Sequence[Sequence[Any]]) -> int:
    """
    Run an INSERT with many rows of values, in their order; how many rows it has made or changed.

    Each statement waits once for the interpreter's lock, which a busy loop gives away rarely: `executemany`, which
    runs one statement a row, is several times slower beside it. And each number of rows is a statement of its own,
    which the connection keeps with its last values, up to half a MiB: above `FEW_ROWS` there are powers of two only.
    """
    if not isinstance(connection, sqlite3.Connection):
        return cast("int", connection.run_rows(name, rows))
    if len(rows) == 1:
        return execute(connection, name, rows[0]).rowcount
    changed = start = 0
    while left := len(rows) - start:
        count = left if left <= FEW_ROWS else min(ROWS_PER_STATEMENT, 1 << (left.bit_length() - 1))
        values = tuple(itertools.chain.from_iterable(rows[start : start + count]))
        changed += connection.execute(_with_rows(name, count), values).rowcount
        start += count
    return changed


def values_of(record: Any) -> dict[str, Any]:
    """A frozen row's fields by name, as they are: `dataclasses.asdict` copies deeply, at ten times the cost."""
    return {name: getattr(record, name) for name in record.__slots__}


@functools.cache
def _statement(name: str) -> tuple[str, Callable[[Any], Sequence[Any]] | None]:
    """
    The statement with `?` for each of its names, and what puts values into that order; `None`: it has no names.

    Python's sqlite3 gives the interpreter's lock away for each name that it looks up, and a busy loop takes it. With
    `?1`, once for each name however often it stands there, Python 3.12.0 to 3.12.3 would warn: they take it for one.
    """
    query = _QUERIES[name]
    names = _NAME.findall(query)
    if not names:
        return query, None
    text = _NAME.sub("?", query)
    only = names[0]
    return text, operator.itemgetter(*names) if len(names) > 1 else lambda values: (values[only],)


@functools.cache
def _with_rows(name: str, count: int) -> str:
    """The statement with its one row of values `count` times."""
    head, row, tail = re.split(r"(?<=VALUES )(\([^()]*\))", _QUERIES[name], maxsplit=1)
    return head + ", ".join([row] * count) + tail


def _load_queries() -> dict[str, str]:
    text = (resources.files("mycel_runtime.journal") / "sql" / "queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _load_migrations() -> list[str]:
    folder = resources.files("mycel_runtime.journal") / "sql" / "migrations"
    steps = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    return [step.read_text() for step in steps]


_NAME: Final = re.compile(r":(\w+)")

_QUERIES: Final = _load_queries()

NAMES: Final = frozenset(_QUERIES)
"""Of all statements."""

MIGRATIONS: Final = _load_migrations()
"""In order; a journal's `user_version` says how many of them it has seen."""
