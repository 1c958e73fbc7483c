"""How large the journal's file is, how fast it grows, and how much room is left for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from pathlib import Path

DAY_SECONDS: Final = 86_400.0

LEAST_FREE_BYTES: Final = 16 * 2**20
"""With less, the journal's log and its next copy into the file may not fit: nothing would be kept."""

FEW_FREE_BYTES: Final = 256 * 2**20
"""With less, somebody should make room."""

_SHORTEST_SPAN_SECONDS: Final = 3_600.0
"""A growth of less time says nothing of a day."""


class JournalReport(BaseModel, frozen=True, defer_build=True):
    """
    The journal's file with its log (WAL).

    Attributes:
        size: Bytes.
        grown: Bytes since the start of the process; negative if space was given back.
        bytes_per_day: As it has grown since the start; `None` within the first hour.
        free: Bytes that are left for it on its disk; `None`: nobody can tell.
    """

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
    Of one journal, since the file was opened.

    Args:
        path: Of the file.
        now: Epoch seconds.
    """

    def __init__(self, path: Path, *, now: float) -> None:
        self._path = path
        self._first_size = _size_of(path)
        self._since = now

    def report(self, now: float) -> JournalReport:
        """As it is now."""
        size, span = _size_of(self._path), now - self._since
        grown = size - self._first_size
        per_day = round(grown * DAY_SECONDS / span) if span >= _SHORTEST_SPAN_SECONDS else None
        return JournalReport(
            size=size, grown=grown, bytes_per_day=per_day, free=free_bytes(self._path.parent)
        )


def free_bytes(folder: Path) -> int | None:
    """That are left for this user where a folder is; `None`: nobody can tell."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize


def _size_of(path: Path) -> int:
    """Bytes of the file and its log; of what is not there, none."""
    size = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            size += file.stat().st_size
        except OSError:
            continue
    return size
