"""
Statements: values find their places by name, whatever else is handed over; and many rows are written in their order,
each once, by few shapes, because a connection keeps each shape.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from mycel_runtime.journal.entry import Entry
from mycel_runtime.journal.sqlite.connection import FEW_ROWS, ROWS_PER_STATEMENT, SqliteConnection
from mycel_runtime.journal.sqlite.statements import MIGRATIONS, QUERIES, statement

MORE = ROWS_PER_STATEMENT + 100


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:", factory=SqliteConnection)) as opened:
        opened.executescript("".join(MIGRATIONS))
        yield opened


@pytest.mark.parametrize(
    "values",
    [
        {"identity": "agent", "chat_id": "c", "reason": "loud", "now": 1.0},
        {"now": 1.0, "reason": "loud", "plugin": "nobody asks", "chat_id": "c", "identity": "agent"},
    ],
)
def test_values_find_their_places_by_name_in_whatever_order_and_company_they_come(connection, values):
    connection.run("hold", values)

    assert connection.run("holds", {"identity": "agent"}).fetchall() == [("c", "loud", 1.0)]


def test_a_value_that_a_statement_misses_is_told_by_its_name(connection):
    with pytest.raises(KeyError, match="chat_id"):
        connection.run("release", {"identity": "agent"})


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_statement_has_one_place_for_each_of_its_names(connection, name):
    """SQLite counts the places itself: a name in a comment or in a text would be one too many."""
    names = dict.fromkeys(re.findall(r":(\w+)", QUERIES[name]))
    text, in_order = statement(name)

    assert (in_order is None) == (not names)
    if in_order is not None:
        connection.execute(f"EXPLAIN {text}", in_order(dict.fromkeys(names)))
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute(f"EXPLAIN {text}", (None,) * (len(names) - 1))


def entries(first, count):
    """Rows of `insert_entries`."""
    return [("agent", 1, seq, "marked", "", None, "{}", 0.0) for seq in range(first, first + count)]


def test_batches_of_all_sizes_are_written_by_few_statements_that_are_kept(connection):
    shapes = set()
    connection.set_trace_callback(lambda text: shapes.add(text.count("marked")))

    first = 1
    for size in range(MORE):
        assert connection.run_rows("insert_entries", entries(first, size)).rowcount == size
        first += size

    powers_above = (ROWS_PER_STATEMENT // FEW_ROWS).bit_length() - 1
    assert max(shapes) == ROWS_PER_STATEMENT
    assert len(shapes - {0}) == FEW_ROWS + powers_above == 21


@pytest.mark.parametrize("size", [1, 16, 17, 511, 512, 513, MORE])
def test_rows_are_written_in_their_order_and_what_is_there_already_is_not_counted(connection, size):
    connection.run_rows("insert_entries", entries(1, size))

    assert connection.run_rows("insert_entries", entries(size, 3)).rowcount == 2

    written = connection.execute("SELECT seq FROM entry ORDER BY entry_id").fetchall()
    assert [seq for (seq,) in written] == [*range(1, size + 3)]


@pytest.mark.parametrize(
    ("name", "columns"),
    [("insert_entries", r"INSERT INTO entry \(([^)]*)\)"), ("read_entry", r"SELECT (.*) FROM entry")],
)
def test_an_entry_is_written_and_read_in_the_order_of_its_fields(name, columns):
    """It is handed over as it is, without its names: two columns of one type would change places unseen."""
    (found,) = re.findall(columns, QUERIES[name])

    assert found.split(", ") == list(Entry._fields)
