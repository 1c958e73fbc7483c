"""The named statements and migrations of the PostgreSQL engine, read once, as psycopg takes them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mycel_runtime.journal.verbs.statements import statements_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAME: Final = re.compile(r"(?<!:):([a-z_]\w*)(?:::(\w+))?")
_ARRAY: Final = re.compile(r"\?::(\w+)\[\]")

_CONVERT: Final[Mapping[str, Callable[[Any], Any]]] = {"bigint": int, "float8": float, "bool": bool}


class Statement(NamedTuple):
    """
    As psycopg runs it.

    Attributes:
        text: With `%(name)s` for each name, or `%s` for each array.
        counted: The same without what it returns, for who asks only how many rows it has made or changed.
        types: Of its names; empty: it takes rows.
        columns: Of its arrays, in their order.
        writes: It may change something.
        identity_place: Of the identity that it is about among its values: a name, or a column's number; `None`: it
            names none.
    """

    text: str
    counted: str
    types: Mapping[str, str]
    columns: Sequence[str]
    writes: bool
    identity_place: Any

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those that it has names for, as their types want them: a flag of ours is a number here."""
        return {name: _converted(kind, values[name]) for name, kind in self.types.items()}

    def arrays(self, rows: Sequence[Sequence[Any]]) -> list[str]:
        """Rows as columns, each as PostgreSQL reads an array; the driver takes several times as long for it."""
        columns = zip(*rows, strict=True)
        return [_array(kind, column) for kind, column in zip(self.columns, columns, strict=True)]


@functools.cache
def statement(name: str) -> Statement:
    """The statement of this name."""
    query = _QUERIES[name].replace("%", "%%")
    types: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        kind = types[match[1]] = match[2] or _TYPES.get(match[1], "text")
        return f"%({match[1]})s::{kind}"

    body = "\n".join(line for line in query.splitlines() if not line.startswith("--"))
    text = _NAME.sub(named, body)
    columns = tuple(_ARRAY.findall(text))
    text = _ARRAY.sub(r"%s::\1[]", text)
    counted = text.rpartition("RETURNING")[0] or text if columns else text
    writes = re.search(r"\b(INSERT|UPDATE|DELETE)\b", text) is not None
    place = _place_of_identity(text) if columns else "identity" if "identity" in types else None
    return Statement(text, counted, types, columns, writes, place)


def _place_of_identity(text: str) -> int | None:
    """Among the arrays of a statement: they are called as they are unnested, or else inserted."""
    names = re.search(r"\bAS g \(([^)]*)\)", text) or re.search(r"INSERT INTO \w+ \(([^)]*)\)", text)
    called = [] if names is None else [name.strip() for name in names[1].split(",")]
    return called.index("identity") if "identity" in called else None


def _array(kind: str, column: Sequence[Any]) -> str:
    if None in column:
        word = _quoted if kind == "text" else _CONVERT[kind]
        return f"{{{','.join('NULL' if value is None else str(word(value)) for value in column)}}}"
    if kind == "text":
        return _text_array(column)
    return f"{{{','.join(map(str, map(_CONVERT[kind], column)))}}}"


def _text_array(column: Sequence[str]) -> str:
    """Quoted all at once, where none of them holds what stands between them meanwhile."""
    joined = "\0".join(column)
    if joined.count("\0") >= len(column):
        return f"{{{','.join(map(_quoted, column))}}}"
    return f"{{{_quoted(joined)}}}".replace("\0", '","')


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _converted(kind: str, value: Any) -> Any:
    convert = _CONVERT.get(kind)
    return value if value is None or convert is None else convert(value)


_READ: Final = statements_of("mycel_runtime.journal.postgres")

_QUERIES: Final = _READ.texts


_TYPES: Final = {
    name: kind
    for kind, names in re.findall(
        r"^-- (\w+): ((?:\w+ ?)+(?:\n--   (?:\w+ ?)+)*)", _READ.head, flags=re.MULTILINE
    )
    for name in re.findall(r"\w+", names)
}
"""Of names: they stand above the first statement."""

NAMES: Final = frozenset(_QUERIES)
"""Of all statements."""

MIGRATIONS: Final = _READ.migrations
"""In order; the table `schema_version` says how many of them a database has seen."""
