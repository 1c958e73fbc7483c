"""What the operator sees and changes, of a running agent or of a journal at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.clock import StoreClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.journal.backlog import ReadSpan, Skipped, WaitingChat, WorkItem
    from mycel_runtime.journal.changes import StoredItem, StoreSize
    from mycel_runtime.journal.dead_letter import DeadLetter
    from mycel_runtime.journal.ids import DeliveryId
    from mycel_runtime.journal.intent import Intent
    from mycel_runtime.journal.retention import Age, Place, SweepStep
    from mycel_runtime.journal.summary import JournalStatistics, Waiting
    from mycel_runtime.wire.ids import UserId


class OperatorJournal(StoreClock, Protocol):
    """The journal, as the operator uses it."""

    @property
    def is_at_rest(self) -> bool:
        """
        Whether nobody has wanted anything of it for a while, and it has given back what it needs for work.

        Any verb wakes it. Whoever only looks around at intervals, and finds it so, leaves it alone.
        """

    async def statistics(self, identity: UserId) -> JournalStatistics:
        """Counts of what is there."""

    async def oldest_waiting(self, identity: UserId) -> Waiting | None:
        """What has waited longest, be it for its first attempt or for a later one; `None` if nothing waits."""

    async def work(self, identity: UserId, *, limit: int) -> Sequence[WorkItem]:
        """What runs, and up to `limit` of what is due, the next first."""

    async def work_item(self, identity: UserId, delivery_id: int) -> WorkItem | None:
        """One of it; `None`: nothing of this number is due or running."""

    async def backlog(
        self, identity: UserId, *, chat_id: str | None, after: int, limit: int
    ) -> Sequence[WaitingChat]:
        """Chats whose messages wait for a handler, by their number above `after`; of one chat, or of all."""

    async def skip(
        self,
        identity: UserId,
        delivery_id: DeliveryId,
        *,
        reason: str,
        read: ReadSpan | None = None,
        skip_id: int | None = None,
    ) -> Skipped | None:
        """
        Give up what is due and does not run, without running it: a dead letter is kept, as by `bury`.

        Of a chat's messages the letter covers what was read, and what is above stays due; without that, as far as the
        chat is known to go. What the turn has said comes back with the letter.

        Args:
            identity: Whose.
            delivery_id: Which.
            reason: Of the letter.
            read: What of the chat; the letter is one of a skip then.
            skip_id: Of the skip's first letter; `None`: this is it.

        Returns:
            `None`: it runs or is done; or it is not any more as it was read.
        """

    async def dead_letters(self, identity: UserId) -> Sequence[DeadLetter]:
        """All of them, oldest first."""

    async def revive(self, identity: UserId, dead_letter_id: int) -> bool:
        """Make a dead letter's work due again, in its lane. False: the identity has no such letter."""

    async def drop(self, identity: UserId, dead_letter_id: int) -> bool:
        """Forget a dead letter; what it would have asked is unsaid for good. False: the identity has none such."""

    async def unresolved(self, identity: UserId) -> Sequence[Intent]:
        """Intents without a certain outcome, oldest first."""

    async def resolve(
        self, identity: UserId, delivery_id: DeliveryId, turn: int, ordinal: int, *, is_sent: bool
    ) -> bool:
        """The operator tells what became of an `unknown` intent. False: there is none such."""

    async def stores(self, identity: UserId) -> Sequence[StoreSize]:
        """Every store that holds something, by plugin and chat."""

    async def all_items(self, identity: UserId) -> Sequence[StoredItem]:
        """Everything that any plugin remembers."""

    async def clear_items(self, identity: UserId, plugin: str, *, chat_id: str | None) -> int:
        """
        Forget what a plugin remembers: of one chat, of itself as a whole (an empty `chat_id`), or all (`None`).

        Returns:
            How many items there were.
        """

    async def sweep(self, place: Place, age: Age, *, kept_numbers: int) -> SweepStep:
        """
        Remove a few rows of what is old and nobody needs any more; the next step goes on where this one ended.

        Whatever keeps a promise stays: what is open, who was told of what, how far chats are handled and numbers are
        held. The agent's own messages stay known as its own. Dead letters that go are counted.

        Of all identities that the store has: it goes by the store's own numbers and times, and by what its caller
        takes for old. Agents that share a store are swept by the shortest of their times.

        Args:
            place: Of the step before; `START` begins a sweep.
            age: What is old, by the store's clock at each step.
            kept_numbers: So many of the newest numbered entries of an epoch stay for `marks`.
        """
