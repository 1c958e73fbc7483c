"""Who carries verbs out: each a whole, in a transaction of the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from mycel_runtime.journal.verbs.connection import Connection

T = TypeVar("T")


class JournalWriter(Protocol):
    """
    Runs operations one behind the other, several in one commit.

    An operation changes nothing but what its connection leads to: it is run again after it was undone with others.

    Cancelling: an operation is carried out or not at all; the caller is cancelled once that is known.

    Raises:
        JournalError: By each verb: the operation or its commit failed, and nothing of it is stored; or it could not
            be brought to the disk.
    """

    @property
    def is_at_rest(self) -> bool:
        """Whether what is needed for work has been given back, until the next operation."""

    async def submit(self, operation: Callable[[Connection], T]) -> T:
        """Run `operation` in the next commit and wait until it is durable."""

    async def commit(self, operation: Callable[[Connection], T]) -> T:
        """Run `operation` in the next commit and wait until that is made; it is durable before any later one is."""

    def post(self, operation: Callable[[Connection], object]) -> None:
        """As `commit`, before anything that is called later; nobody waits. If it fails, the next verb raises."""

    async def close(self) -> None:
        """Carry out what was asked for; nothing can be from then on."""
