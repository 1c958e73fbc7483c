"""Reads the statements that the verbs name, which are in `queries.sql`: one of the verbs', and one of each engine."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Statements(NamedTuple):
    """
    Of one engine.

    Attributes:
        head: What its own file says above the first one.
        texts: By their names; those that it shares with others, and its own.
        migrations: What makes its tables, step by step.
    """

    head: str
    texts: Mapping[str, str]
    migrations: Sequence[str]


def statements_of(package: str) -> Statements:
    """
    Those of an engine, as they stand in the files.

    Args:
        package: With `sql/queries.sql` and `sql/migrations/`.
    """
    _, shared = read(__package__ or "", "queries.sql")
    head, own = read(package, "sql/queries.sql")
    folder = resources.files(package) / "sql" / "migrations"
    steps = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    return Statements(head, shared | own, [step.read_text() for step in steps])


def read(package: str, name: str) -> tuple[str, dict[str, str]]:
    """
    What a file says above its first statement, and the statements by their names.

    Args:
        package: Where the file is.
        name: Below that.
    """
    text = resources.files(package).joinpath(name).read_text()
    head, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return head, {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}
