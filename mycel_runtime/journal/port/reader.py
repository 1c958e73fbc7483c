"""Who only looks: at a journal that nobody has open, or beside whoever has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.pause import NOBODY
from mycel_runtime.journal.port.clock import StoreClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.backlog import WorkItem
    from mycel_runtime.journal.changes import StoredItem, StoreSize, Timer
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.own_sends import OwnSends
    from mycel_runtime.journal.port.turn_log import TurnLog
    from mycel_runtime.journal.summary import JournalSummary
    from mycel_runtime.wire.ids import UserId


class JournalReader(StoreClock, Protocol):
    """
    The journal, as it is looked at: what `OperatorJournal` lists, and what a status shows.

    Each verb blocks, and is a look of its own: it sees what has returned before, holds nothing afterwards, changes
    nothing, keeps nobody from opening the journal, and does not wake one at rest. On a loop it is called in a thread;
    whoever is cancelled meanwhile leaves a look that ends by itself within seconds. A journal that was never made
    holds nothing; in one of an earlier version there is nothing of what came later.

    Raises:
        JournalFileError: What is there is no journal, or of a version that this program does not know; raised by
            each verb.
        JournalError: It cannot be read; likewise.
    """

    def identities(self) -> Sequence[UserId]:
        """Whose work it holds."""

    def pausable(self) -> Sequence[UserId]:
        """Whose an operator's pauses are: of those identities, else `NOBODY`'s until the agent's first contact."""
        return self.identities() or [NOBODY]

    def summary(self, identity: UserId) -> JournalSummary:
        """What a status shows, all of one moment; of a journal that was never made `JournalError`."""

    def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        """As of `OperatorJournal`."""

    def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        """As of `OperatorJournal`."""

    def unresolved(self, identity: UserId) -> Sequence[Intent]:
        """As of `OperatorJournal`."""

    def stores(self, identity: UserId) -> Sequence[StoreSize]:
        """As of `OperatorJournal`."""

    def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        """As of `OperatorJournal`."""

    def timers(self, identity: UserId) -> Sequence[Timer]:
        """As of `StateJournal`."""

    def own_sends(self, identity: UserId, *, chat_id: str) -> OwnSends:
        """As of `SpeechJournal`, of the chat as a whole."""

    def turn_log(self, identity: UserId) -> TurnLog:
        """
        What handlers were shown and did.

        Raises:
            JournalFileError: There is no journal, or it is of a version from which no turns are read.
        """
