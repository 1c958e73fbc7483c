"""The log of turns in any engine that keeps rows: the same questions to each."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from mycel_runtime.journal.changes import StoredItem
from mycel_runtime.journal.port.turn_log import TurnLog
from mycel_runtime.journal.turns import LoggedTurn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from mycel_runtime.journal.verbs.connection import Row

_PAGE_TURNS: Final = 500
"""Read at once: who reads for long keeps the embedded engine's log (WAL) from being copied into the file."""


_ALL: Final = 2**63 - 1


class SqlTurnLog(TurnLog):
    """Base of the logs; the owner of the rows reads them."""

    @abstractmethod
    def _rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """
        What a statement finds of the identity.

        Raises:
            JournalError: It cannot be read.
        """

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
        rows = self._rows("select_turns", chosen | {"limit": _ALL if last is None else last})
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
