"""The log of turns, as it is read: by `replay`, and for what a person is shown of conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mycel_runtime.journal.changes import StoredItem
    from mycel_runtime.journal.turns import LoggedTurn


class TurnLog(Protocol):
    """
    Of one identity, beside whoever works on the journal. Each method blocks, and is a look of its own.

    Raises:
        JournalError: It cannot be read; raised by each method.
    """

    def select(
        self,
        *,
        handler: str | None = None,
        chat_id: str | None = None,
        since: float | None = None,
        until: float | None = None,
        last: int | None = None,
    ) -> Sequence[int]:
        """
        Numbers of turns, ascending.

        Args:
            handler: Of this handler only.
            chat_id: Of this chat only.
            since: Ended at this time or later, epoch seconds by the store's clock.
            until: Ended before this time.
            last: The newest of those only.
        """

    def handlers(self) -> Sequence[str]:
        """Those that have turns."""

    def turns(self) -> Iterator[LoggedTurn]:
        """All of them, in the order in which they ended; what is pruned meanwhile is not among them."""

    def newest(self, count: int) -> Sequence[LoggedTurn]:
        """
        The last ones, in the order in which they ended.

        Args:
            count: How many at most; at least 1.
        """

    def items(self) -> Sequence[StoredItem]:
        """What plugins remember now."""
