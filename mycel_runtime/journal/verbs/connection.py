"""What a verb's operation is given to run statements on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Row(Protocol):
    """What a statement has returned, by place and by name."""

    def keys(self) -> Iterable[str]:
        """Names of its columns, in their order."""

    def __getitem__(self, key: Any, /) -> Any:
        """A column's value."""

    def __iter__(self) -> Iterator[Any]:
        """All values, in the order of the columns."""


class Result(Protocol):
    """What a statement has done; its rows are read once."""

    @property
    def rowcount(self) -> int:
        """Rows that it has made, changed or deleted."""

    @property
    def lastrowid(self) -> int | None:
        """Of an INSERT: the id of what it has made; asked for once, and after `rowcount` has told that it has."""

    def fetchone(self) -> Any:
        """The next row; `None`: there are no more."""

    def fetchall(self) -> list[Any]:
        """All that have not been read."""

    def __iter__(self) -> Iterator[Any]:
        """As `fetchall`, one by one."""


class Connection(Protocol):
    """To the journal, within a transaction of its engine's."""

    def run(self, name: str, values: Mapping[str, Any] | Sequence[Any], /) -> Result:
        """
        Run the statement of this name.

        Args:
            name: In `queries.sql`, that of the verbs or the engine's.
            values: By name, and perhaps more than the statement has names for; in its order where it has `?` instead.
        """

    def run_rows(self, name: str, rows: Sequence[Sequence[Any]], /) -> int:
        """Run an INSERT with many rows of values, in their order; how many rows it has made or changed."""
