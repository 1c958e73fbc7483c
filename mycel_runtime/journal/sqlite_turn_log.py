"""The log of turns in the embedded engine's file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.errors import JournalError, JournalFileError
from mycel_runtime.journal.changes import StoredItem
from mycel_runtime.journal.port.turn_log import TurnLog
from mycel_runtime.journal.reading_connection import reading
from mycel_runtime.journal.schema import recognise
from mycel_runtime.journal.statements import MIGRATIONS, execute
from mycel_runtime.journal.turns import LoggedTurn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from mycel_runtime.wire.ids import UserId

_PAGE_TURNS: Final = 500
"""Read at once: who reads for long keeps the daemon's log (WAL) from being copied into the file."""


class SqliteTurnLog(TurnLog):
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
    def select(
        self,
        *,
        handler: str | None = None,
        chat_id: str | None = None,
        since: float | None = None,
        until: float | None = None,
        last: int | None = None,
    ) -> Sequence[int]:
        chosen = {"handler": handler, "chat_id": chat_id, "since": since, "until": until}
        rows = self._rows("select_turns", chosen | {"limit": -1 if last is None else last})
        return [row["turn_id"] for row in reversed(rows)]

    @override
    def handlers(self) -> Sequence[str]:
        return [row["handler"] for row in self._rows("turn_handlers", {})]

    @override
    def turns(self) -> Iterator[LoggedTurn]:
        after_id = 0
        while rows := self._rows("read_turns", {"after_id": after_id, "limit": _PAGE_TURNS}):
            yield from (LoggedTurn(*row) for row in rows)
            after_id = rows[-1]["turn_id"]

    @override
    def newest(self, count: int) -> Sequence[LoggedTurn]:
        if not (ids := self.select(last=count)):
            return []
        rows = self._rows("read_turns", {"after_id": ids[0] - 1, "limit": count})
        return [LoggedTurn(*row) for row in rows]

    @override
    def items(self) -> Sequence[StoredItem]:
        return [StoredItem(*row) for row in self._rows("all_items", {})]

    def _rows(self, name: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        try:
            with reading(self._path) as connection:
                return execute(connection, name, {"identity": self._identity, **values}).fetchall()
        except sqlite3.Error as exc:
            raise JournalError(f"{self._path}: {exc}") from exc
