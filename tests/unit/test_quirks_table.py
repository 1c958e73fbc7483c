"""Every quirk of the server has its row in `tests/quirks.md`, and every row its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
NOT_OF_THE_CLIENT: Final = (TESTS / "contract" / "backend", TESTS / "unit" / "backend")
"""Here the numbers are those of the local backend's switches."""

QUIRKS: Final = 55
"""Of the contract's section 6, from 1."""

ROW = re.compile(r"^\| Q(?P<number>\d+) \| (?P<does>[^|]+) \| (?P<tests>[^|]*) \|$", re.MULTILINE)
NUMBER = re.compile(r"(?<=_)q(\d+)(?=_|$)")


def rows(text):
    """Each row's number, what it says, and the tests that it names."""
    return [
        (int(row["number"]), row["does"].strip(), re.findall(r"`(\w+)`", row["tests"]))
        for row in ROW.finditer(text)
    ]


def client_tests():
    """The name of every test of the client."""
    paths = [path for path in TESTS.rglob("*.py") if not set(path.parents) & set(NOT_OF_THE_CLIENT)]
    return {
        node.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def numbers(name):
    return {int(number) for number in NUMBER.findall(name)}


def mistakes(table, tests):
    """What is wrong with a table, given the names of all tests."""
    found = []
    if [number for number, _, _ in table] != list(range(1, QUIRKS + 1)):
        found.append(f"rows are not Q1 … Q{QUIRKS}, each once and in order")
    for number, does, named in table:
        if not does or not named:
            found.append(f"Q{number} says nothing or names no test")
        found += [f"Q{number} names {name}, which is not there" for name in named if name not in tests]
        found += [f"Q{number} names {name}, which does not" for name in named if number not in numbers(name)]
    listed = {(number, name) for number, _, named in table for name in named}
    of_tests = {(number, name) for name in tests for number in numbers(name)}
    return found + [f"{name} is not in the row of Q{number}" for number, name in sorted(of_tests - listed)]


def test_every_quirk_has_a_row_and_every_row_its_tests():
    found = mistakes(rows((TESTS / "quirks.md").read_text()), client_tests())

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("table", "tests", "mistake"),
    [
        ([(1, "does", ["test_q1_x"])], {"test_q1_x"}, "rows are not"),
        ([(1, "does", ["test_q1_x"]), (1, "does", ["test_q1_x"])], {"test_q1_x"}, "rows are not"),
        ([(7, "", ["test_q7_x"])], {"test_q7_x"}, "Q7 says nothing"),
        ([(7, "does", [])], set(), "names no test"),
        ([(7, "does", ["test_q7_x"])], {"test_q7_y"}, "Q7 names test_q7_x, which is not there"),
        ([(7, "does", ["test_x"])], {"test_x"}, "Q7 names test_x, which does not"),
        ([(7, "does", ["test_q70_x"])], {"test_q70_x"}, "Q7 names test_q70_x, which does not"),
        ([(7, "does", ["test_q7_q8_x"])], {"test_q7_q8_x"}, "test_q7_q8_x is not in the row of Q8"),
        ([(7, "does", ["test_q7_x"])], {"test_q7_x", "test_q56_x"}, "test_q56_x is not in the row of Q56"),
    ],
)
def test_a_mistake_in_the_table_would_be_noticed(table, tests, mistake):
    assert [each for each in mistakes(table, tests) if mistake in each]
