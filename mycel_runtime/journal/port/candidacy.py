"""Whose turn it is to be at work on an identity, where several processes may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from mycel_runtime.wire.ids import UserId


class Candidacy(Protocol):
    """
    Of one process that would be at work on one identity; it tells when to `lease`, and when to give that back.

    Advice, and no right: only `lease` decides, and only the lease is looked at when something is written. It keeps
    the identities spread over the processes, so that nobody is left alone, and none is moved to and fro.
    """

    @property
    def holder(self) -> str:
        """Who is at work on it, for a person; empty: nobody, or nobody knows."""

    @property
    def away_since(self) -> float | None:
        """Epoch seconds, by this machine's clock: the store could not be asked since; `None` while it can be."""

    async def wait_turn(self) -> None:
        """
        Until nobody is at work on it, as far as the store knows, and it is this process that should be.

        Others may be sooner; then `lease` raises, and it is waited for the next turn.

        Raises:
            LeaseLostError: This process is taken for dead: its journal is to be opened anew.

        Cancelling: nothing is left.
        """

    async def wait_move(self, is_idle: Callable[[], bool]) -> None:
        """
        Until this process, which is at work on it, should leave it to another one that has less to do.

        Args:
            is_idle: Whether it would disturb nothing now; asked from any thread.

        Cancelling: nothing is left.
        """


class CandidateJournal(Protocol):
    """The journal, as whoever would be at work uses it before anything else."""

    def candidacy(self, identity: UserId) -> AbstractAsyncContextManager[Candidacy]:
        """Let the other processes know, while the block runs, that this one would be at work, and can be."""
