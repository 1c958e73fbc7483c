"""
The two ends of a move from one engine to another. Everything blocks.

Whoever moves has the lock of the state directory. At no moment can an agent be started on both sides, and what was
committed is on one side whole, whenever anybody dies: first all of it is at the target, where nobody can use it
(`deposit`); then the source is left (`leave`); then it can be used (`arrive`). Each of them is in effect as a whole,
and on the disk, when it returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mycel_runtime.journal.move import Move
    from mycel_runtime.wire.ids import UserId


class Departure(Protocol):
    """The end that a journal leaves; nobody changes it meanwhile."""

    @property
    def moved(self) -> Move | None:
        """By which it has left already."""

    @property
    def identities(self) -> Sequence[UserId]:
        """Whose it is."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Of each table that an identity has rows in."""

    def newest_ids(self) -> Mapping[str, int]:
        """By the names of columns: the newest number that was ever given."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[tuple[Any, ...]]]:
        """In groups."""

    def leave(self, move: Move) -> None:
        """What is here is kept, and nobody starts on it any more."""


class Arrival(Protocol):
    """The end that it comes to."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        """As of `Departure`."""

    def awaits(self, move: Move) -> bool:
        """Whether all of this move was put down here, and cannot be used yet."""

    def holds(self, identities: Sequence[UserId]) -> bool:
        """Whether there is anything of them, but for what they have left behind."""

    def first_ids(self) -> Mapping[str, int]:
        """By the names of columns: how much is added to each number, so that it is nobody else's."""

    def expect(self, move: Move, identities: Sequence[UserId]) -> None:
        """Before the first row; what earlier moves of these have left here is forgotten with the deposit."""

    def take(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows down."""

    def count(self, table: str) -> int:
        """How many rows were put down, as they are read again."""

    def deposit(self, move: Move, newest_ids: Mapping[str, int]) -> None:
        """All was put down."""

    def arrive(self, move: Move) -> None:
        """Let it be used."""
