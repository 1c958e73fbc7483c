"""How long the log (WAL) is, which SQLite tells only while it copies the log into the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_SALTS_BYTES: Final = 8
_SALTS_AT: Final = 16
_FRAME_SALTS_AT: Final = 8
"""Source: sqlite.org/fileformat2.html, section 4.1."""


class LogLength:
    """
    Looks into the log of an open file.

    A log that is begun anew overwrites the old one from its start on, so that the length of its file says nothing;
    but the pages of each log bear its salts.

    Args:
        path: Of the file, not of its log.
        connection: To it, in WAL mode, after its first write.

    Attributes:
        descriptor: Of the log.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._frame_bytes = _FRAME_HEADER_BYTES + connection.execute("PRAGMA page_size").fetchone()[0]
        # No lock is on the log itself, so that none is lost when it is closed.
        self.descriptor = os.open(
            path.with_name(f"{path.name}-wal"), os.O_RDONLY | os.O_CLOEXEC | os.O_CREAT, 0o600
        )

    def reaches(self, pages: int) -> bool:
        """Whether the present log has so many pages."""
        frame = _HEADER_BYTES + (pages - 1) * self._frame_bytes
        salts = os.pread(self.descriptor, _SALTS_BYTES, frame + _FRAME_SALTS_AT)
        return bool(salts) and salts == os.pread(self.descriptor, _SALTS_BYTES, _SALTS_AT)

    def close(self) -> None:
        """Let go of the log."""
        os.close(self.descriptor)
