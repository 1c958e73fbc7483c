"""The log of turns in the embedded engine's file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from typing_extensions import override

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.sqlite.reading_connection import reading
from mycel_runtime.journal.sqlite.schema import recognise
from mycel_runtime.journal.sqlite.statements import MIGRATIONS
from mycel_runtime.journal.verbs.turn_log import SqlTurnLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from mycel_runtime.journal.verbs.connection import Row
    from mycel_runtime.wire.ids import UserId


class SqliteTurnLog(SqlTurnLog):
    """
    Of one identity, beside its daemon.

    Args:
        path: Of the journal's file.
        identity: Whose.

    Raises:
        JournalFileError: There is no journal, or it has no log yet: it is of an earlier version.
        JournalError: It cannot be read.
    """

    def __init__(self, path: Path, identity: UserId) -> None:
        self._path = path
        self._identity = identity
        if not path.exists():
            raise JournalFileError(
                "there is no journal", where=str(path), fix="Run the agent first: it logs its turns there."
            )
        try:
            with reading(path) as connection:
                version = recognise(connection, path)
        except sqlite3.Error as exc:
            raise JournalError(f"{path}: {exc}") from exc
        if version < len(MIGRATIONS):
            raise JournalFileError(
                f"the journal has version {version}, and turns are read from version {len(MIGRATIONS)} on",
                where=str(path),
                fix="Run the agent once: it brings the journal up to date, and logs its turns from then on.",
            )

    @override
    def _rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        try:
            with reading(self._path) as connection:
                return connection.run(name, {"identity": self._identity, **values}).fetchall()
        except sqlite3.Error as exc:
            raise JournalError(f"{self._path}: {exc}") from exc
