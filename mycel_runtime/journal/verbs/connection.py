"""What a verb's operation is given to run statements on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


T = TypeVar("T")


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


class Changed(Protocol):
    """What a statement of many rows has done."""

    @property
    def rowcount(self) -> int:
        """Rows that it has made or changed."""


class Count(NamedTuple):
    """Known at once."""

    rowcount: int


NONE_CHANGED: Final = Count(0)


class Connection(Protocol):
    """
    To the journal, within a transaction of its engine's.

    Statements take effect in the order in which they are run. Whoever looks at what one has returned only when others
    have been run, too, spares a far store a journey for each.
    """

    def run(self, name: str, values: Mapping[str, Any] | Sequence[Any], /) -> Result:
        """
        Run the statement of this name.

        Args:
            name: In `queries.sql`, that of the verbs or the engine's.
            values: By name, and perhaps more than the statement has names for; in its order where it has `?` instead.
        """

    def run_rows(self, name: str, rows: Sequence[Sequence[Any]], /) -> Changed:
        """Run an INSERT with many rows of values, in their order."""

    def later(self, answer: Callable[[], T], /) -> T:
        """
        What an operation returns, if nothing of it hangs on that; where it spares journeys, found out behind others.

        Args:
            answer: Looks at what statements have returned. What it runs itself may come behind other operations.
        """

    def together(self, asked: Iterable[T], /) -> Iterable[T]:
        """The same; where that spares journeys, each statement that making them runs is run before any is given."""
