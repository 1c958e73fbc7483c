"""How large the journal's file is, and how fast it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from pathlib import Path

DAY_SECONDS: Final = 86_400.0

_SHORTEST_SPAN_SECONDS: Final = 3_600.0
"""A growth of less time says nothing of a day."""


class JournalReport(BaseModel, frozen=True):
    """
    The journal's file with its log (WAL).

    Attributes:
        size: Bytes.
        grown: Bytes since the start of the process; negative if space was given back.
        bytes_per_day: As it has grown since the start; `None` within the first hour.
    """

    size: int = 0
    grown: int = 0
    bytes_per_day: int | None = None


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
        return JournalReport(size=size, grown=grown, bytes_per_day=per_day)


def _size_of(path: Path) -> int:
    """Bytes of the file and its log; of what is not there, none."""
    size = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            size += file.stat().st_size
        except OSError:
            continue
    return size
