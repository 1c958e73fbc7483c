"""Statements of many rows: in their order, each once, and of few shapes, because a connection keeps each shape."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mycel_runtime.journal.statements import FEW_ROWS, MIGRATIONS, ROWS_PER_STATEMENT, execute_rows

MORE = ROWS_PER_STATEMENT + 100


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.executescript("".join(MIGRATIONS))
        yield opened


def entries(first, count):
    """Rows of `insert_entries`."""
    return [("agent", 1, seq, "marked", "", None, "{}", 0.0) for seq in range(first, first + count)]


def test_batches_of_all_sizes_are_written_by_few_statements_that_are_kept(connection):
    shapes = set()
    connection.set_trace_callback(lambda text: shapes.add(text.count("marked")))

    first = 1
    for size in range(MORE):
        assert execute_rows(connection, "insert_entries", entries(first, size)) == size
        first += size

    powers_above = (ROWS_PER_STATEMENT // FEW_ROWS).bit_length() - 1
    assert max(shapes) == ROWS_PER_STATEMENT
    assert len(shapes - {0}) == FEW_ROWS + powers_above == 21


@pytest.mark.parametrize("size", [1, 16, 17, 511, 512, 513, MORE])
def test_rows_are_written_in_their_order_and_what_is_there_already_is_not_counted(connection, size):
    execute_rows(connection, "insert_entries", entries(1, size))

    assert execute_rows(connection, "insert_entries", entries(size, 3)) == 2

    written = connection.execute("SELECT seq FROM entry ORDER BY entry_id").fetchall()
    assert [seq for (seq,) in written] == [*range(1, size + 3)]
