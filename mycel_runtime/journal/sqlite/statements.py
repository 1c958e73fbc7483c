"""The named statements and migrations of the embedded engine, read once, as Python's sqlite3 takes them best."""

from __future__ import annotations

import functools
import operator
import re
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.journal.verbs.statements import statements_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WORDS: Final[Mapping[str, str]] = {"GREATEST": "max", "LEAST": "min", "IS NOT DISTINCT FROM": "IS"}
"""What the verbs' statements say, and SQLite calls otherwise."""

_WORD: Final = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b")

_NAME: Final = re.compile(r":(\w+)")


@functools.cache
def statement(name: str) -> tuple[str, Callable[[Any], Sequence[Any]] | None]:
    """
    The statement with `?` for each of its names, and what puts values into that order; `None`: it has no names.

    Python's sqlite3 gives the interpreter's lock away for each name that it looks up, and a busy loop takes it. With
    `?1`, once for each name however often it stands there, Python 3.12.0 to 3.12.3 would warn: they take it for one.
    """
    query = QUERIES[name]
    names = _NAME.findall(query)
    if not names:
        return query, None
    text = _NAME.sub("?", query)
    only = names[0]
    return text, operator.itemgetter(*names) if len(names) > 1 else lambda values: (values[only],)


@functools.cache
def with_rows(name: str, count: int) -> str:
    """The statement with its one row of values `count` times."""
    head, row, tail = re.split(r"(?<=VALUES )(\([^()]*\))", QUERIES[name], maxsplit=1)
    return head + ", ".join([row] * count) + tail


_READ: Final = statements_of("mycel_runtime.journal.sqlite")

QUERIES: Final[Mapping[str, str]] = {
    name: _WORD.sub(lambda word: _WORDS[word[0]], text) for name, text in _READ.texts.items()
}
"""All statements, in SQLite's words."""

MIGRATIONS: Final = _READ.migrations
"""In order; a journal's `user_version` says how many of them it has seen."""
