"""How large the journal's file is, how fast it grows, and how much room is left for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.journal.port.engine import JournalFiles

DAY_SECONDS: Final = 86_400.0

LEAST_FREE_BYTES: Final = 16 * 2**20
"""With less, the journal's log and its next copy into the file may not fit: nothing would be kept."""

FEW_FREE_BYTES: Final = 256 * 2**20
"""With less, somebody should make room."""

_SHORTEST_SPAN_SECONDS: Final = 3_600.0
"""A growth of less time says nothing of a day."""


class JournalReport(BaseModel, frozen=True, defer_build=True):
    """
    The journal's file with its log (WAL), or the database that keeps it, of which no size is told here.

    Attributes:
        database: For a person; empty: a file.
        size: Bytes.
        grown: Bytes since the start of the process; negative if space was given back.
        bytes_per_day: As it has grown since the start; `None` within the first hour.
        free: Bytes that are left for it on its disk; `None`: nobody can tell.
    """

    database: str = ""
    size: int = 0
    grown: int = 0
    bytes_per_day: int | None = None
    free: int | None = None

    @property
    def is_cramped(self) -> bool:
        """Whether somebody should make room."""
        return self.free is not None and self.free < FEW_FREE_BYTES


class JournalGrowth:
    """
    Of one journal, since its file was opened.

    Args:
        files: Its own.
        now: Epoch seconds.
    """

    def __init__(self, files: JournalFiles, *, now: float) -> None:
        self._files = files
        self._first_size = self._size()
        self._since = now

    def report(self, now: float) -> JournalReport:
        """As it is now."""
        size, span = self._size(), now - self._since
        grown = size - self._first_size
        per_day = round(grown * DAY_SECONDS / span) if span >= _SHORTEST_SPAN_SECONDS else None
        return JournalReport(
            size=size, grown=grown, bytes_per_day=per_day, free=free_bytes(self._files.folder)
        )

    def _size(self) -> int:
        return sum(self._files.sizes().values())


def free_bytes(folder: Path) -> int | None:
    """That are left for this user where a folder is; `None`: nobody can tell."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize
