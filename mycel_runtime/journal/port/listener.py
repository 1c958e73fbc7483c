"""What the listener does: it writes down what it hears, and reads where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mycel_runtime.journal.port.clock import StoreClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.batch import Batch
    from mycel_runtime.journal.checkpoint import Checkpoint
    from mycel_runtime.journal.entry import Mark
    from mycel_runtime.journal.lease import Lease
    from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageSeq, UserId


class ListenerJournal(StoreClock, Protocol):
    """The journal, as `inbox` uses it."""

    @property
    def snapshot_changes(self) -> int:
        """How many have been begun; while that stays the same, a snapshot that was read after the last one holds."""

    async def checkpoint(self, identity: UserId) -> Checkpoint | None:
        """The checkpoint last committed."""

    async def marks(self, identity: UserId, *, epoch: int, limit: int) -> Mapping[InboxSeq, Mark]:
        """The newest `limit` numbered entries of an epoch."""

    async def snapshot(self, identity: UserId) -> Mapping[tuple[str, str], str]:
        """What the server's lists last said: state by kind and key."""

    async def levels(self, identity: UserId) -> Mapping[ChatId, MessageSeq]:
        """How far each chat has been handed to a handler, or will be; without those that none has looked at."""

    async def lease(self, identity: UserId) -> Lease:
        """
        Take the right to listen; its token is above all that were given before, whoever had them.

        Raises:
            IdentityHeldError: Somebody else's lease stands: its time is not over.
        """

    async def renew(self, lease: Lease) -> Lease:
        """
        Keep the right to listen; the token stays, and the time of the lease begins anew.

        Time is the store's. A lease whose time is over may still be renewed as long as nobody else has taken it.

        Raises:
            LeaseLostError: As of `append`.
        """

    async def release(self, lease: Lease) -> None:
        """Give it back, so that somebody else may have one; a lost one is nobody's to give."""

    async def append(self, batch: Batch, *, lease: Lease) -> int:
        """
        Commit entries, their work, which is due at once, and the checkpoint, all or nothing.

        An entry whose (identity, epoch, seq) is there already is left alone, and its event work with it;
        its chat work counts, because a level cannot be announced too often.

        Args:
            batch: What was heard.
            lease: Of the batch's identity, looked at in the same commit.

        Returns:
            How many entries were new.

        Raises:
            LeaseLostError: The lease is not the identity's newest, or was given back; nothing was changed.
        """
