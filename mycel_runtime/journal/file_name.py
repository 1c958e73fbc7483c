"""How a journal's files in a state directory are called, and known: by them a folder is found of an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL_NAME: Final = "journal.sqlite3"
"""The embedded engine's."""

IDENTITY_NAME: Final = "journal.identity"
"""Beside a database: as whom a process was last at work in this folder, or stood by."""

APPLICATION_ID: Final = 0x4D59434C
"""`MYCL`: what `file` and we recognise a journal by."""

_PLACE: Final = slice(68, 72)
"""Of the application id, in big-endian. Source: sqlite.org/fileformat2.html, 1.3."""


def is_journal(path: Path) -> bool:
    """
    Whether a file is a journal that was not left by a move, as its first bytes say.

    By who has no file open there: closing it again would give up the locks that this process has on it.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_PLACE.stop)[_PLACE] == APPLICATION_ID.to_bytes(4, "big")
    except FileNotFoundError:
        return False
