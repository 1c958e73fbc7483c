"""Rows and results as the verbs take them: by place and by name, with the id of what was inserted."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar, Self

from psycopg import Cursor
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView, Mapping, Sequence

    from psycopg import Pipeline


class Row(tuple[Any, ...]):
    """As `sqlite3.Row`."""

    __slots__ = ()
    _places: ClassVar[Mapping[str, int]] = {}

    def keys(self) -> KeysView[str]:
        """Names of its columns, in their order."""
        return self._places.keys()

    @override
    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self._places[key] if isinstance(key, str) else key)


class ResultCursor(Cursor[Row]):
    """What a statement has returned."""

    _pipeline: Pipeline | None = None

    def follow(self, pipeline: Pipeline | None) -> Self:
        """This one; it is on its way, and answered when somebody asks."""
        self._pipeline = pipeline
        return self

    @property
    @override
    def rowcount(self) -> int:
        self._wait()
        return super().rowcount

    @override
    def fetchone(self) -> Row | None:
        self._wait()
        return super().fetchone()

    @override
    def fetchall(self) -> list[Row]:
        self._wait()
        return super().fetchall()

    @override
    def __iter__(self) -> Self:
        self._wait()
        return super().__iter__()

    def _wait(self) -> None:
        """
        By a sync, where psycopg would send a mere flush.

        Behind that the database takes the transaction for one at work, and not for one that stands still: were this
        process frozen then, it would have the journal's lock for ever.
        """
        if self.statusmessage is None and self._pipeline is not None:
            self._pipeline.sync()

    @property
    def lastrowid(self) -> int | None:
        """Of an INSERT that returns ids: the first one, once; `None`: it has inserted nothing."""
        row = self.fetchone()
        return None if row is None else int(row[0])


def row_maker(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Psycopg's row factory."""
    return _row_type(tuple(column.name for column in cursor.description or ()))


@functools.cache
def _row_type(names: tuple[str, ...]) -> type[Row]:
    places = {name: place for place, name in enumerate(names)}
    return type("Row", (Row,), {"__slots__": (), "_places": places})
