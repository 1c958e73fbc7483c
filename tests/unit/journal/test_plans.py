"""No statement's cost grows with the journal's past: each finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3

import pytest

from mycel_runtime.journal.sqlite.statements import MIGRATIONS, QUERIES

SMALL_TABLES = {"dead_letter", "checkpoint", "log_link", "json_each"}
"""
Nothing grows there by itself: each row waits for the operator, is an identity's, the only one, or one that the caller
has named.
"""
RESTORING = {"bury_restored", "doubt_restored", "drop_restored_timers", "forget_lists", "forget_restored"}
"""Run once, on a copy that nobody has open."""


@pytest.fixture(scope="module")
def journal():
    connection = sqlite3.connect(":memory:")
    for step in MIGRATIONS:
        connection.executescript(step)
    yield connection
    connection.close()


def scanned(journal, statement):
    """The tables that it reads from one end to the other."""
    names = set(re.findall(r":(\w+)", statement))
    values = dict.fromkeys(names) if names else (None,) * statement.count("?")
    steps = [row[3] for row in journal.execute(f"EXPLAIN QUERY PLAN {statement.rstrip(';')}", values)]
    aliases = dict(re.findall(r"(?:FROM|JOIN) (\w+) AS (\w+)", statement))
    named = {alias: table for table, alias in aliases.items()}
    found = [re.fullmatch(r"SCAN (?!CONSTANT)(\w+).*", step) for step in steps]
    # What a query within the statement finds has steps of its own.
    within = {step.split()[1] for step in steps if step.startswith(("CO-ROUTINE ", "MATERIALIZE "))}
    return {
        named.get(match[1], match[1]) for match in found if match and match[1] not in within - named.keys()
    }


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - RESTORING))
def test_no_statement_reads_a_growing_table_whole(journal, name):
    assert scanned(journal, QUERIES[name]) <= SMALL_TABLES


def test_a_statement_without_an_index_would_be_found(journal):
    assert scanned(journal, "SELECT raw FROM entry WHERE kind = :kind;") == {"entry"}
    assert scanned(journal, "SELECT 1 FROM delivery AS d WHERE d.turn = :turn;") == {"delivery"}
