"""What of the journal's file is used, and what goes back to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime.journal.verbs.connection import Connection

_PAGES_PER_STEP: Final = 64
_FREE_PAGES: Final = 256
"""A mebibyte that is free in the file is kept for what comes."""
_FREE_SHARE: Final = 8
"""And so is this part of it: giving space back and taking it again costs twice."""

_INCREMENTAL: Final = 2
"""Of `PRAGMA auto_vacuum`."""


def give_back(connection: Connection) -> int:
    """Make the file shorter, by a step, if much of it is free; by how many bytes."""
    if _number(connection, "auto_vacuum") != _INCREMENTAL:
        return 0
    free = _number(connection, "freelist_count")
    kept = max(_FREE_PAGES, _number(connection, "page_count") // _FREE_SHARE)
    pages = min(_PAGES_PER_STEP, free - kept)
    for _ in range(pages):
        connection.run("give_page_back", {})
    return max(0, pages) * _number(connection, "page_size")


def used_bytes(connection: Connection) -> int:
    """Of the file, without what is free in it."""
    pages = _number(connection, "page_count") - _number(connection, "freelist_count")
    return pages * _number(connection, "page_size")


def _number(connection: Connection, pragma: str) -> int:
    return int(connection.run(pragma, {}).fetchone()[0])
