from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import mycel_runtime.backend
from mycel_runtime.backend.quirks import Quirks, table

FOLDER: Final = Path(mycel_runtime.backend.__file__).parent
COLUMNS: Final = 5
DEMANDED: Final = {
    f"Q{number}"
    for number in (1, *range(3, 17), 18, *range(20, 24), *range(26, 30), *range(32, 40), *range(45, 48))
}
"""Contract section 8, "Reproduce, switchable"."""
STRICTER: Final = {"10.1", "10.7", "10.8", "10.12", "10.13", "10.14"}
"""Rows of contract section 10 in which the production schema fails a call that a kinder store would serve."""


def test_every_quirk_that_the_contract_demands_has_a_switch():
    assert {quirk.number for quirk in table()} >= DEMANDED | STRICTER


def test_every_switch_is_on_unless_it_is_turned():
    assert all(getattr(Quirks(), entry.name) for entry in fields(Quirks))


def test_the_document_names_every_switch_with_its_words_and_where_it_lives():
    rows = [line.strip("| \n").split(" | ") for line in (FOLDER / "quirks.md").read_text().splitlines()]
    told = {row[1].strip("`"): row for row in rows if len(row) == COLUMNS and row[0][-1].isdigit()}
    assert told.keys() == {quirk.name for quirk in table()}
    for quirk in table():
        number, _, on, off, homes = told[quirk.name]
        assert (number, on, off) == (quirk.number, quirk.on, quirk.off)
        for home in re.findall(r"`([^`]+)`", homes):
            assert f"quirks.{quirk.name}" in (FOLDER / home).read_text()
