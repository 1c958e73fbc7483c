"""
The table of what each release of the genuine `mycel-sdk` can do with the local backend: `table.md`, read and written.

A cell is `+` (works), empty (the release has no such method or argument), or the letter of an error below the table.
"""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.contract.releases.play import ABSENT, WORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = Path(__file__).with_name("table.md")

Outcomes = dict[str, dict[str, str]]
"""By release, by line: works, absent, or the error."""

HEAD: Final = """\
# What each release of mycel-sdk can do with the local backend

Written by `python -m tests.contract.releases.campaign --write`, compared by `make releases` with all releases and by
`make test` with two. `+` works; an empty cell is a method or an argument that the release does not have; a letter is
an error of the release itself, told below.

"""

CELL: Final = re.compile(r"^(?:\+|[a-z]|)$")
ERROR: Final = re.compile(r"^- ([a-z]): (.*)$", re.MULTILINE)


def render(outcomes: Outcomes) -> str:
    """The whole file."""
    errors = sorted({told for column in outcomes.values() for told in column.values()} - {WORKS, ABSENT})
    letters = dict(zip(errors, string.ascii_lowercase, strict=False)) | {WORKS: "+", ABSENT: ""}
    lines = list(dict.fromkeys(line for column in outcomes.values() for line in column))
    rows = [
        ["line", *outcomes],
        ["---"] * (len(outcomes) + 1),
        *([f"`{line}`", *(letters[column[line]] for column in outcomes.values())] for line in lines),
    ]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{HEAD}{table}\n" + "".join(f"- {letters[told]}: {told}\n" for told in errors)


def parse(text: str) -> Outcomes:
    """What `render` was given."""
    meaning: Mapping[str, str] = {"+": WORKS, "": ABSENT} | dict(ERROR.findall(text))
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {
        release: {row[0].strip("`"): meaning[row[column]] for row in rows}
        for column, release in enumerate(head)
        if column
    }
